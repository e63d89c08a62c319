//! Real clients beside a real server: the programs of `tests/clients`, which `tests/run` installs.
//!
//! A client that is not there fails its test, and says how to install it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::server::{ROUTE_KEY, Server};

/// The appointments that [`feed`] makes.
pub const APPOINTMENTS: u64 = 60;

/// Further deliveries of the first of them.
pub const RESCHEDULES: u64 = 45;

/// `tests/clients`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// What the scripts expect to find: sixty appointments, the first of which has a long history.
pub fn feed(server: &Server) {
    for index in 0..APPOINTMENTS {
        assert_eq!(server.deliver(1000 + 10 * index, "create").status, 200);
    }
    for _ in 0..RESCHEDULES {
        assert_eq!(server.deliver(1000, "reschedule").status, 200);
    }
}

/// Runs one of the scripts against `server` and returns what it printed, a line of JSON.
pub fn script(server: &Server, name: &str) -> serde_json::Value {
    let output = run(node().arg(name).arg(format!("http://{}", server.address)).arg(ROUTE_KEY));
    let printed = told(&output);
    assert!(output.status.success(), "{name}: {printed}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error}: {printed}"))
}

/// Runs one of Python's scripts against `server` as the reader with this token, and returns what it printed, a line of JSON.
pub fn python_script(server: &Server, name: &str, token: &str) -> serde_json::Value {
    let mut python = Command::new(python_program("python"));
    let output = run(python.arg(folder().join(name)).arg(format!("http://{}", server.address)).arg(token));
    let printed = told(&output);
    assert!(output.status.success(), "{name}: {printed}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error}: {printed}"))
}

/// `node` in `tests/clients`.
pub fn node() -> Command {
    installed();
    let mut command = Command::new("node");
    command.current_dir(folder());
    command
}

/// A program of one of the packages, in `tests/clients`.
pub fn program(name: &str) -> Command {
    installed();
    let mut command = Command::new(folder().join("node_modules/.bin").join(name));
    command.current_dir(folder());
    command
}

/// A program of the Python environment.
pub fn python_program(name: &str) -> PathBuf {
    let path = folder().join("python/bin").join(name);
    assert!(path.exists(), "`{name}` is not installed in tests/clients/python; `tests/run` does it");
    path
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command printed.
pub fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn installed() {
    let there = folder().join("node_modules/.package-lock.json").exists();
    assert!(there, "the clients are not installed; `tests/run` does it, or: cd tests/clients && npm ci");
}
