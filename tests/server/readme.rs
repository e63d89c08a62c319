//! What the documentation shows is what the real program does: the README's five minutes are replayed line by line, and the
//! worked queries are asked, after the webhooks of their section were posted.
//!
//! Webhooks arrive when the test posts them, so each time that is shown stands for the real one, and so do the address and
//! the key. `UPDATE_GOLDEN=1 cargo test --test server readme` writes the answers anew. Read the diff.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use async_graphql::{Name, Value};

use crate::support::server::{Server, clockfold, command};

/// Where the worked queries begin.
const QUERIES: &str = "\n## Worked queries\n";

/// Where the five minutes begin.
const MINUTES: &str = "\n## Five minutes\n";

/// How the program is called from the repository.
const PROGRAM: &str = "cargo run --release -- ";

/// What a line of an answer may take before it is broken.
const COLUMNS: usize = 150;

/// A webhook of the section's table.
struct Webhook<'a> {
    received_at: &'a str,
    source: &'a str,
    body: &'a str,
}

/// A section of a page: from a heading to the next one.
struct Section {
    path: PathBuf,
    page: String,
    start: usize,
    end: usize,
}

impl Section {
    fn of(page: &str, heading: &str) -> Section {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let page = fs::read_to_string(&path).unwrap();
        let start = page.find(heading).expect("the section") + heading.len();
        let end = start + page[start..].find("\n## ").expect("a section after it");
        Section { path, page, start, end }
    }

    fn text(&self) -> &str {
        &self.page[self.start..self.end]
    }

    /// The section is what was `written` from what the program said, or becomes it where that was asked for.
    fn check(&self, written: &str) {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&self.path, format!("{}{written}{}", &self.page[..self.start], &self.page[self.end..])).unwrap();
        } else {
            let path = self.path.display();
            assert_eq!(self.text(), written, "{path} shows something else; UPDATE_GOLDEN=1 writes it anew");
        }
    }
}

#[test]
fn the_worked_queries_have_the_answers_that_are_documented() {
    let section = Section::of("docs/queries.md", QUERIES);
    let text = section.text();
    let data = tempfile::tempdir().unwrap();
    let config = between(text, "```toml\n", "```").expect("the configuration");
    let server = Server::start(data.path(), config);
    let webhooks: Vec<_> = text.lines().filter_map(webhook).collect();
    let times = post(&server, config, &webhooks);

    let (asked, written) = answer_all(text, |query| {
        let answer = server.ask(&[], &replaced(query, &times)).text();
        printed(&serde_json::from_str(&replaced(&answer, &backwards(&times))).unwrap(), 0, 0)
    });
    assert!(webhooks.len() >= 10 && asked >= 10, "the section has its webhooks and queries");
    section.check(&written);
}

/// The server of the five minutes, and what stands in the README for what is otherwise here.
struct Minutes {
    folder: tempfile::TempDir,
    server: Option<Server>,
    /// What the README has, and what it is here: the address, the key, and each arrival time as it is met.
    known: Vec<(String, String)>,
    /// The arrival times that the README has, in its order.
    times: Vec<String>,
}

#[test]
fn the_five_minutes_go_as_the_readme_tells() {
    let section = Section::of("README.md", MINUTES);
    let text = section.text();
    let folder = tempfile::tempdir().unwrap();
    let mut minutes = Minutes { folder, server: None, known: Vec::new(), times: arrival_times(text) };
    // Blocks in their order: commands with what they print, and queries with their answers.
    let mut written = String::new();
    let (mut rest, mut commands, mut last_answer) = (text, 0, None);
    while let Some((before, block)) = rest.split_once("\n```") {
        let (kind, block) = block.split_once('\n').unwrap();
        let (block, after) = block.split_once("```").expect("the block's end");
        written += before;
        rest = after;
        match kind {
            "console" => {
                commands += block.lines().filter(|line| line.starts_with("$ ")).count();
                written += &format!("\n```console\n{}```", minutes.replay(block));
            }
            "graphql" => {
                let (_, after) = after.split_once("```json\n").expect("an answer after the query");
                rest = after.split_once("```").expect("the answer's end").1;
                let answer = minutes.ask(block);
                written += &format!("\n```graphql\n{block}```\n```json\n{answer}\n```");
                // What the README says next.
                minutes.start_again(|_| {});
                assert_eq!(minutes.ask(block), answer, "after kill -9");
                minutes.start_again(|data| fs::remove_dir_all(data.join("projection")).unwrap());
                assert_eq!(minutes.ask(block), answer, "without the projection");
                last_answer = Some(answer);
            }
            other => panic!("a block of {other}"),
        }
    }
    assert!(commands >= 4 && last_answer.is_some(), "the section has its commands and its query");
    section.check(&(written + rest));
}

impl Minutes {
    /// Runs the commands of a block. Returns the block with what they printed.
    fn replay(&mut self, block: &str) -> String {
        let mut written = String::new();
        for line in block.lines() {
            let Some(line) = line.strip_prefix("$ ") else { continue };
            let printed = match line.strip_prefix(PROGRAM) {
                Some("serve") => self.serve(block),
                Some(arguments) => self.run(arguments),
                None => self.shell(line),
            };
            written += &format!("$ {line}\n{}", self.shown(&printed));
        }
        written
    }

    /// `serve` without a configuration; what it prints says where it listens and which key it made.
    fn serve(&mut self, block: &str) -> String {
        let mut serve = command(self.folder.path());
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        let server = Server::spawn(serve);
        let key_of = |text: &str| between(text, "/webhook/", " ").map(str::to_owned);
        while key_of(&server.printed()).is_none() || !server.printed().contains("/explorer") {
            thread::sleep(Duration::from_millis(10));
        }
        let key = key_of(&server.printed()).unwrap();
        self.known.push(("127.0.0.1:8080".to_owned(), server.address.to_string()));
        self.known.push((key_of(block).expect("a key"), key));
        // Messages, which begin with their time, go to standard error and are not what is shown.
        let is_message = |line: &&str| line.starts_with("20");
        let printed =
            server.printed().lines().filter(|line| !is_message(line)).map(|line| format!("{line}\n")).collect();
        self.server = Some(server);
        printed
    }

    /// Another command of the program: with the server stopped, as by Ctrl-C.
    fn run(&mut self, arguments: &str) -> String {
        if let Some(mut server) = self.server.take() {
            server.signal("INT");
            assert!(server.wait(Duration::from_secs(30)).success());
        }
        let told = clockfold(self.folder.path(), &[], &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!((told.status, told.stderr.as_str()), (0, ""), "{arguments}");
        told.stdout
    }

    fn shell(&mut self, line: &str) -> String {
        // Each delivery has a millisecond of its own.
        let line = replaced(line, &self.known).replace("echo;", "echo; sleep 0.01;");
        let output = Command::new("bash").args(["-c", &line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        for time in arrival_times(&printed) {
            let index = self.known.len() - 2;
            let shown =
                self.times.get(index).cloned().unwrap_or_else(|| format!("2026-11-23T22:36:{}.152Z", 50 + index));
            self.known.push((shown, time));
        }
        printed
    }

    fn ask(&self, query: &str) -> String {
        let answer = self.server.as_ref().expect("a server").ask(&[], query).text();
        printed(&serde_json::from_str(&self.shown(&answer)).unwrap(), 0, 0)
    }

    /// `kill -9`, then something that is done to the data directory, then a start.
    fn start_again(&mut self, meanwhile: impl FnOnce(&Path)) {
        let mut server = self.server.take().expect("a server");
        server.kill();
        meanwhile(&self.folder.path().join("clockfold-data"));
        let mut serve = command(self.folder.path());
        serve.args(["serve", "--listen", &server.address.to_string()]);
        self.server = Some(Server::spawn(serve));
    }

    /// What the program printed, as the README would have it.
    fn shown(&self, printed: &str) -> String {
        let printed = replaced(printed, &backwards(&self.known));
        // What is explained beforehand is explained as of now.
        match printed.split_once(" at 2") {
            Some((before, after)) if before.starts_with("If `") => {
                let (_, after) = after.split_once(" UTC").expect("a time");
                format!("{before} at 2026-11-23 22:40:11.704 UTC{after}")
            }
            _ => printed,
        }
    }
}

/// The times of `receivedAt` in answers, in their order.
fn arrival_times(text: &str) -> Vec<String> {
    text.split("\"receivedAt\":\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

fn backwards(known: &[(String, String)]) -> Vec<(String, String)> {
    known.iter().map(|(shown, real)| (real.clone(), shown.clone())).collect()
}

/// Tests in a browser make them: `UPDATE_GOLDEN=1` has those that stand there made anew.
#[test]
fn every_screenshot_that_is_kept_is_shown_and_has_words() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "docs/pages.md"].map(|page| fs::read_to_string(project.join(page)).unwrap());
    let mut shown: Vec<_> = pages
        .iter()
        .flat_map(|page| page.lines())
        .filter_map(|line| line.strip_prefix("![")?.strip_suffix(".png)")?.split_once("screenshots/"))
        .map(|(words, name)| (words.split_once("](").expect("a link").0, name))
        .map(|(words, name)| {
            assert!(words.split(' ').count() > 3, "{name}: {words}");
            format!("{name}.png")
        })
        .collect();
    shown.sort();
    let kept = fs::read_dir(project.join("docs/screenshots")).unwrap();
    let mut kept: Vec<_> = kept.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    kept.sort();
    assert_eq!(shown, kept);
    for name in kept {
        let bytes = fs::read(project.join("docs/screenshots").join(&name)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() < 400_000, "{name}: {} bytes", bytes.len());
    }
}

/// The text after the first `begin`, up to the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

/// A row of the table of webhooks.
fn webhook(line: &str) -> Option<Webhook<'_>> {
    let cells: Vec<_> =
        line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(|cell| cell.trim_matches('`')).collect();
    let &[position, received_at, source, body] = cells.as_slice() else { return None };
    position.parse::<u64>().ok().map(|_| Webhook { received_at, source, body })
}

/// Posts the webhooks, each in a millisecond of its own. Returns for each the time that is told and the real one.
fn post(server: &Server, config: &str, webhooks: &[Webhook<'_>]) -> Vec<(String, String)> {
    let of = |webhook: &Webhook<'_>| {
        let key = between(config, &format!("name = \"{}\"\nroute_keys = [\"", webhook.source), "\"").expect("its key");
        let answer = server.post_to(key, webhook.body.as_bytes()).json();
        thread::sleep(Duration::from_millis(3));
        (webhook.received_at.to_owned(), answer["receivedAt"].as_str().expect("it was kept").to_owned())
    };
    webhooks.iter().map(of).collect()
}

fn replaced(text: &str, by: &[(String, String)]) -> String {
    by.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Asks every query of the section. Returns how many there are, and the section with the answers.
fn answer_all(section: &str, ask: impl Fn(&str) -> String) -> (usize, String) {
    let mut parts = section.split("```graphql\n");
    let mut written = parts.next().unwrap_or_default().to_owned();
    let mut asked = 0;
    for part in parts {
        let (query, rest) = part.split_once("```\n```json\n").expect("an answer after each query");
        let (_, rest) = rest.split_once("```").expect("the answer's end");
        written.push_str(&format!("```graphql\n{query}```\n```json\n{}\n```{rest}", ask(query)));
        asked += 1;
    }
    (asked, written)
}

/// JSON in the order of the answer: what fits stands in a line, of which `taken` columns are taken.
fn printed(value: &Value, indent: usize, taken: usize) -> String {
    let line = in_a_line(value);
    if taken + line.len() < COLUMNS {
        return line;
    }
    let inner = indent + 2;
    let (open, close, parts): (_, _, Vec<String>) = match value {
        Value::Object(fields) => {
            let field = |(name, value): (&Name, &Value)| {
                let name = format!("\"{name}\": ");
                let value = printed(value, inner, inner + name.len());
                name + &value
            };
            ('{', '}', fields.iter().map(field).collect())
        }
        Value::List(items) => ('[', ']', items.iter().map(|item| printed(item, inner, inner)).collect()),
        _ => return line,
    };
    let (pad, end) = (" ".repeat(inner), " ".repeat(indent));
    format!("{open}\n{pad}{}\n{end}{close}", parts.join(&format!(",\n{pad}")))
}

fn in_a_line(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&Name, &Value)| format!("\"{name}\": {}", in_a_line(value));
            format!("{{{}}}", joined(fields.iter().map(field).collect()))
        }
        Value::List(items) => format!("[{}]", joined(items.iter().map(in_a_line).collect())),
        leaf => serde_json::to_string(leaf).unwrap(),
    }
}
