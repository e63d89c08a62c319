//! The real program as a child process, to which requests go.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write as _},
    net::SocketAddr,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

pub use super::net::http1::{Answer, Connection};

/// A credential of the source `downtown` in [`CONFIG`].
pub const ROUTE_KEY: &str = "CF3uQP8cSFIQB8gB/9285030fceca";

/// One source and no reader.
pub const CONFIG: &str = "[[source]]\nname = \"downtown\"\nroute_keys = [\"CF3uQP8cSFIQB8gB/9285030fceca\"]\n";

/// What a command may take on a machine that does much else.
const COMMAND_MAX: Duration = Duration::from_secs(120);
/// What a start may take.
const START_MAX: Duration = Duration::from_secs(60);

/// `clockfold serve` on a port of its own; killed when dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    /// A file without a name. What the server has said is in it, and not still on its way through a pipe.
    printed: Arc<File>,
}

impl Server {
    /// Writes `config` into `folder` and starts the server with its data directory there.
    pub fn start(folder: &Path, config: &str) -> Server {
        Server::start_with(folder, config, |_| {})
    }

    /// Like [`Server::start`], with a last word on the command.
    pub fn start_with(folder: &Path, config: &str, adjust: impl FnOnce(&mut Command)) -> Server {
        let mut command = command(folder);
        add_arguments(&mut command, folder, config);
        adjust(&mut command);
        Server::spawn(command)
    }

    /// Like [`Server::start`], with so many open files at most.
    pub fn start_with_open_files(folder: &Path, config: &str, open_files: u32) -> Server {
        Server::start_with(folder, config, |command| {
            let mut limited = Command::new("sh");
            limited.args(["-c", &format!("ulimit -n {open_files}; exec \"$0\" \"$@\"")]);
            limited.arg(command.get_program()).args(command.get_args());
            *command = limited;
        })
    }

    /// Starts a prepared command that ends up serving, and waits until it does.
    pub fn spawn(command: Command) -> Server {
        Server::try_spawn(command).unwrap_or_else(|printed| panic!("the server {printed}"))
    }

    /// Like [`Server::spawn`], for a command that may end instead: then with what it printed. It is killed
    /// when neither has happened after [`START_MAX`].
    pub fn try_spawn(mut command: Command) -> Result<Server, String> {
        let printed = Arc::new(tempfile::tempfile().unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(printed.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let started = kill_unless_told(child.id());
        let address = loop {
            let mut line = String::new();
            if stdout.read_line(&mut line).unwrap() == 0 {
                let status = child.wait().unwrap();
                return Err(format!("ended with {status}: {}", all_of(&printed)));
            }
            (&*printed).write_all(line.as_bytes()).unwrap();
            if let Some(address) = line.trim().strip_prefix("Clockfold listens on http://") {
                break address.parse().unwrap();
            }
        };
        drop(started);
        let rest = Arc::clone(&printed);
        thread::spawn(move || {
            let mut line = String::new();
            while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
                (&*rest).write_all(std::mem::take(&mut line).as_bytes()).unwrap();
            }
        });
        Ok(Server { address, child, printed })
    }

    /// Starts again what was ended, with the same configuration, data and address.
    pub fn start_again(&mut self, folder: &Path) {
        let address = self.address.to_string();
        let mut command = command(folder);
        command.args(["serve", "--listen", &address, "--config"]).arg(folder.join("clockfold.toml"));
        command.arg("--data-dir").arg(data_dir(folder));
        *self = Server::spawn(command);
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has in memory, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory_bytes("VmRSS:")
    }

    /// The most that it ever had in memory, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.memory_bytes("VmHWM:")
    }

    fn memory_bytes(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// A figure of `/metrics`, by its name and labels as they stand there.
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics").text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {metrics}")).parse().unwrap()
    }

    /// Everything it has printed so far, on standard output and standard error.
    pub fn printed(&self) -> String {
        all_of(&self.printed)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait(Duration::from_secs(30))
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub fn wait(&mut self, at_most: Duration) -> ExitStatus {
        let begun = Instant::now();
        while begun.elapsed() < at_most {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the server did not end within {at_most:?}: {}", self.printed());
    }

    /// A request on a connection of its own.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Connection::open(self.address).request(method, path, headers, body).expect("an answer")
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    /// A webhook with [`ROUTE_KEY`].
    pub fn post(&self, body: &[u8]) -> Answer {
        let path = format!("/webhook/{ROUTE_KEY}");
        self.request("POST", &path, &[("Content-Type", "application/json")], body)
    }

    /// A webhook of the vendor's form with [`ROUTE_KEY`].
    pub fn deliver(&self, appointment_id: u64, event_type: &str) -> Answer {
        self.post(format!(r#"{{"appointment_id": {appointment_id}, "event_type": "{event_type}"}}"#).as_bytes())
    }

    /// A webhook with a route key.
    pub fn post_to(&self, route_key: &str, body: &[u8]) -> Answer {
        self.request("POST", &format!("/webhook/{route_key}"), &[("Content-Type", "application/json")], body)
    }

    /// A GraphQL query with further headers; the answer as it came.
    pub fn ask(&self, headers: &[(&str, &str)], query: &str) -> Answer {
        let body = serde_json::json!({ "query": query }).to_string();
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        self.request("POST", "/graphql", &headers, body.as_bytes())
    }

    /// A GraphQL query; panics where it has errors. Returns `data`.
    pub fn query(&self, query: &str) -> serde_json::Value {
        let answer = self.query_as(None, query);
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].clone()
    }

    /// A GraphQL query with a token, with its errors.
    pub fn query_as(&self, token: Option<&str>, query: &str) -> serde_json::Value {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
        self.ask(&headers, query).json()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes `config` into `folder`, and adds the arguments that serve with it.
pub fn add_arguments(command: &mut Command, folder: &Path, config: &str) {
    let path = folder.join("clockfold.toml");
    std::fs::write(&path, config).unwrap();
    command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&path);
    command.arg("--data-dir").arg(data_dir(folder));
}

/// The data directory that [`Server::start`] uses.
pub fn data_dir(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Kills a process that has not been told to have started within [`START_MAX`]: when what is returned is dropped.
fn kill_unless_told(process: u32) -> mpsc::Sender<()> {
    let (started, told) = mpsc::channel();
    thread::spawn(move || {
        if told.recv_timeout(START_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").arg("-KILL").arg(process.to_string()).status();
        }
    });
    started
}

/// All that a file holds. Where it is written next does not change.
fn all_of(file: &File) -> String {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a command that ends has told.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `clockfold` in `folder` with these variables and no other `CLOCKFOLD_…`, to its end.
pub fn clockfold(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
    let mut command = command(folder);
    command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > COMMAND_MAX {
            child.kill().unwrap();
            panic!("clockfold {arguments:?} did not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap_or(-1);
    CommandOutput { status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `clockfold` in `folder`, without the variables of whoever runs the tests.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clockfold"));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CLOCKFOLD_")) {
        command.env_remove(name);
    }
    command
}
