//! Follows `/feed` and prints every change of a status:
//! `CLOCKFOLD_TOKEN=… cargo run --example follow_feed -- http://127.0.0.1:8080 cursor`
//!
//! The second argument names a file in which the program keeps its cursor, the id of the last event that it has printed. So
//! it goes on where it was, whether the connection was lost, the server was started anew, or the program itself was. A
//! change may be printed a second time where the program is killed between printing it and writing its cursor.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// How long the program waits before it asks again.
const PAUSE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(cursor)) = (arguments.next(), arguments.next()) else {
        let _ = writeln!(io::stderr(), "usage: follow_feed SERVER CURSOR-FILE");
        return ExitCode::from(2);
    };
    let token = std::env::var("CLOCKFOLD_TOKEN").ok();
    loop {
        match follow(&server, token.as_deref(), Path::new(&cursor), &mut io::stdout()) {
            // The server ended the feed, or the connection was lost: nothing is missed.
            Ok(Ended::ComeBack) => thread::sleep(PAUSE),
            Ok(Ended::Done) => return ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(io::stderr(), "{error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
}

/// Why a feed told no more.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// Ask again: there may be more.
    ComeBack,
    /// Nobody reads what is printed any more.
    Done,
}

/// Follows the feed once, from the cursor in the file on. Each event is printed, and then its id is the file's content.
pub fn follow(server: &str, token: Option<&str>, cursor: &Path, output: &mut impl Write) -> anyhow::Result<Ended> {
    // Without a cursor, everything is told from the log's first delivery on.
    let last = fs::read_to_string(cursor).unwrap_or_else(|_| "0".to_owned());
    let mut request = ureq::get(format!("{server}/feed")).header("Last-Event-ID", last.trim());
    if let Some(token) = token {
        request = request.header("Authorization", &format!("Bearer {token}"));
    }
    let mut answer = match request.config().http_status_as_error(false).build().call() {
        Ok(answer) => answer,
        // Nobody listens just now.
        Err(ureq::Error::Io(_) | ureq::Error::ConnectionFailed) => return Ok(Ended::ComeBack),
        Err(error) => return Err(error.into()),
    };
    match answer.status().as_u16() {
        200 => {}
        503 => return Ok(Ended::ComeBack),
        // Another history (400), no token or a wrong one (401): asking again changes nothing.
        status => bail!("the server answered {status}: {}", answer.body_mut().read_to_string()?),
    }
    let mut events = Events { lines: BufReader::new(answer.into_body().into_reader()) };
    while let Some(event) = events.next_event() {
        match event.name.as_str() {
            "end" => break,
            _ if event.data.is_empty() => {}
            _ => {
                let delivery: Value = serde_json::from_str(&event.data).context("an event's data is JSON")?;
                if print(&delivery, output).is_err() {
                    return Ok(Ended::Done);
                }
            }
        }
        if !event.id.is_empty() {
            fs::write(cursor, &event.id).with_context(|| cursor.display().to_string())?;
        }
    }
    Ok(Ended::ComeBack)
}

/// Prints a delivery that has changed its appointment's status.
fn print(delivery: &Value, output: &mut impl Write) -> io::Result<()> {
    let (before, after) = (&delivery["statusBefore"], &delivery["statusAfter"]);
    if delivery["outcome"] != "APPLIED" || before == after {
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or("NONE").to_owned();
    let [position, source, id] = ["position", "source", "appointmentId"].map(|field| text(&delivery[field]));
    writeln!(output, "{position}: {source} {id} {} -> {}", text(before), text(after))?;
    output.flush()
}

/// Server-sent events, as the HTML standard has them.
struct Events<R> {
    lines: R,
}

/// One event: its fields, empty where they are absent.
#[derive(Default)]
struct Event {
    id: String,
    name: String,
    data: String,
}

impl<R: BufRead> Events<R> {
    /// The next event; `None` where the stream ends or breaks.
    fn next_event(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                return Some(event);
            }
            // A line that begins with a colon is a comment, which keeps the connection open.
            let Some((field, value)) = line.split_once(':') else { continue };
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => value.clone_into(&mut event.id),
                "event" => value.clone_into(&mut event.name),
                "data" => event.data.push_str(value),
                _ => {}
            }
        }
    }
}
