//! The program's system calls in the order in which they happened, as `strace` saw them.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::support::server::{Server, add_arguments};

/// Everything that changes files, makes them durable, or sends an answer.
pub const CALLS: &str = "openat,mkdir,rename,renameat,renameat2,unlink,unlinkat,ftruncate,fallocate,lseek,pwrite64,pwritev,write,writev,fdatasync,fsync,sync_file_range,sendto,sendmsg";

const END_MAX: Duration = Duration::from_secs(20);

/// One system call. `begin` and `end` are places in the trace.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// The descriptor that it was called with, and what that is open on.
    pub descriptor: Option<(i64, String)>,
    /// Its arguments that are texts.
    pub strings: Vec<Vec<u8>>,
    /// What follows the last of these.
    pub numbers: Vec<i64>,
    /// The arguments as `strace` printed them, for flags.
    pub arguments: String,
    pub begin: usize,
    /// `None` where the program ended before.
    pub end: Option<usize>,
    /// -1 after an error.
    pub result: i64,
}

impl Call {
    /// What the first argument is open on.
    pub fn path(&self) -> &str {
        self.descriptor.as_ref().map_or("", |(_, path)| path)
    }

    /// The text at `index` as a path.
    pub fn string(&self, index: usize) -> String {
        String::from_utf8_lossy(self.strings.get(index).map_or(&[][..], Vec::as_slice)).into_owned()
    }

    /// Whether it succeeded, and was over before `place`.
    pub fn done_before(&self, place: usize) -> bool {
        self.result >= 0 && self.end.is_some_and(|end| end < place)
    }

    /// Whether it makes a file's content durable.
    pub fn is_sync(&self) -> bool {
        self.name == "fdatasync" || self.name == "fsync"
    }

    /// The 200 that it puts on a socket, as text.
    pub fn ok_answer(&self) -> Option<String> {
        let sends = ["write", "writev", "sendto", "sendmsg"].contains(&self.name.as_str());
        if !sends || !self.path().starts_with("socket") && !self.path().starts_with("TCP") {
            return None;
        }
        let text = String::from_utf8_lossy(&self.strings.concat()).into_owned();
        text.starts_with("HTTP/1.1 200").then_some(text)
    }
}

/// Starts the server under `strace`, which writes to `trace`. Signals and kills reach the server itself.
pub fn start_traced(folder: &Path, config: &str, trace: &Path) -> Server {
    let version = Command::new("strace").arg("-V").output();
    assert!(version.is_ok(), "this test needs strace: `apt-get install strace`, or your system's package of that name");
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-ttt", "--seccomp-bpf", "-y", "-xx", "-s", "20000000", "-e"]);
    command.arg(format!("trace={CALLS}")).arg("-o").arg(trace).arg(env!("CARGO_BIN_EXE_clockfold"));
    add_arguments(&mut command, folder, config);
    Server::spawn(command)
}

/// The whole trace of a process that has ended.
pub fn finished(trace: &Path, process: u32) -> String {
    let begun = Instant::now();
    let end = format!("{process} ");
    loop {
        let text = fs::read_to_string(trace).expect("strace has written its file");
        let ended = |line: &str| line.starts_with(&end) && line.ends_with(" +++");
        if text.ends_with('\n') && text.lines().rev().take(100).any(ended) {
            return text;
        }
        assert!(begun.elapsed() < END_MAX, "strace did not finish its file");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The calls of a trace, in the order in which they began.
pub fn parse(text: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<(&str, String), usize> = HashMap::new();
    for (place, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((_time, rest)) = rest.trim_start().split_once(' ') else { continue };
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let (name, rest) = resumed.split_once(" resumed>").expect("a resumed call");
            if let Some(index) = unfinished.remove(&(thread, name.to_owned())) {
                let result = result_of(rest);
                calls[index].end = result.map(|_| place);
                calls[index].result = result.unwrap_or(-1);
            }
            continue;
        }
        let Some((name, rest)) = rest.split_once('(') else { continue };
        if name.is_empty() || !name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') {
            continue;
        }
        let (arguments, end, result) = match rest.strip_suffix(" <unfinished ...>") {
            Some(arguments) => (arguments, None, -1),
            None => {
                let (arguments, _) = rest.rsplit_once(") ").expect("a call has its arguments in brackets");
                let result = result_of(rest);
                // Without a result, the process was killed meanwhile.
                (arguments.trim_end_matches(" <unfinished ...>"), result.map(|_| place), result.unwrap_or(-1))
            }
        };
        if end.is_none() {
            // Replaced by the thread's next call of this name where it was never resumed.
            unfinished.insert((thread, name.to_owned()), calls.len());
        }
        let tail = arguments.rsplit('"').next().unwrap_or_default();
        calls.push(Call {
            name: name.to_owned(),
            descriptor: descriptor(arguments),
            strings: arguments.split('"').skip(1).step_by(2).map(decode).collect(),
            numbers: tail.split(',').filter_map(|number| number.trim().parse().ok()).collect(),
            arguments: if arguments.len() < 4096 { arguments.to_owned() } else { String::new() },
            begin: place,
            end,
            result,
        });
    }
    calls
}

/// `7<path>` at the beginning.
fn descriptor(arguments: &str) -> Option<(i64, String)> {
    let (number, rest) = arguments.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    Some((number.parse().ok()?, String::from_utf8_lossy(&decode(path)).into_owned()))
}

/// What follows `) = `, with the spaces that strace may put before the `=`.
fn result_of(rest: &str) -> Option<i64> {
    let (_, result) = rest.rsplit_once(" = ")?;
    let digits: String =
        result.chars().take_while(|character| character.is_ascii_digit() || *character == '-').collect();
    digits.parse().ok()
}

/// `\x41` is an A; what is not written so stands for itself.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(1..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, after.first(), hex) {
            (b'\\', Some(b'x'), Some(byte)) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}
