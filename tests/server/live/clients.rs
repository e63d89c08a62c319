//! npm's `graphql-ws` and `graphql-sse` against the real program, while webhooks flow: each comes back after a cut
//! connection and after a restart, and misses nothing.

use std::{
    io::{self, BufRead, BufReader},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use crate::support::server::{CONFIG, Server};

/// Deliveries, in three parts: then the connections are cut, then the server is restarted.
const COUNT: u64 = 300;

#[test]
fn clients_from_npm_resume_without_gap_or_repeat() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients-live");
    assert!(
        folder.join("node_modules/graphql-ws").exists(),
        "the clients are not installed; `tests/run` does it, or: cd tests/clients-live && npm ci"
    );
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), CONFIG);
    let way = Way::to(server.address);
    let url = format!("http://{}/graphql", way.address);
    let follow = |transport: &str, field: &str| {
        Client::start(&folder, &["follow.mjs", transport, field, &url, &COUNT.to_string()])
    };
    let mut clients = [
        follow("ws", "deliveries"),
        follow("ws", "appointmentChanged"),
        follow("sse", "deliveries"),
        follow("sse", "appointmentChanged"),
    ];
    for id in 1..=COUNT {
        assert_eq!(server.deliver(id, "create").status, 200);
        match id {
            50 => clients.iter_mut().for_each(|client| client.wait_for("50")),
            100 => way.cut(),
            150 => clients.iter_mut().for_each(|client| client.wait_for("150")),
            // The end comes in the midst of it: whoever has not been told this one yet is told by the next server.
            200 => {
                assert!(server.terminate().success());
                server = Server::start(data.path(), CONFIG);
                way.lead_to(server.address);
            }
            _ => {}
        }
    }
    for client in &mut clients {
        let printed = client.end();
        let last = printed.last().unwrap();
        assert!(last.starts_with(&format!("{COUNT} in order over ")), "{printed:?}");
        let lost = printed.iter().filter(|line| line.starts_with("lost")).count();
        assert!(lost >= 2, "a cut and a restart: {printed:?}");
    }
    // The protocol's own word for a restart.
    assert!(clients[0].printed.iter().any(|line| line.ends_with(": 1012")), "{:?}", clients[0].printed);
}

/// A client in a process of its own.
struct Client {
    child: Child,
    stdout: BufReader<ChildStdout>,
    printed: Vec<String>,
}

impl Client {
    fn start(folder: &Path, arguments: &[&str]) -> Client {
        let mut command = Command::new("node");
        let mut child =
            command.args(arguments).current_dir(folder).stdout(Stdio::piped()).spawn().expect("node is there");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Client { child, stdout, printed: Vec::new() }
    }

    fn line(&mut self) -> Option<&str> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        self.printed.push(line.trim().to_owned());
        self.printed.last().map(String::as_str)
    }

    fn wait_for(&mut self, expected: &str) {
        while self.line().unwrap_or_else(|| panic!("the client has ended before {expected}")) != expected {}
    }

    /// Everything that it has printed, once it has ended well.
    fn end(&mut self) -> Vec<String> {
        while self.line().is_some() {}
        assert!(self.child.wait().unwrap().success(), "{:?}", self.printed);
        self.printed.clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A way to a server that can be cut, and lead to another one: a restarted server has another port.
struct Way {
    address: SocketAddr,
    state: Arc<Mutex<(SocketAddr, Vec<TcpStream>)>>,
}

impl Way {
    fn to(server: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((server, Vec::new())));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock().unwrap();
                // While it restarts, nobody is there.
                if let Ok(far) = TcpStream::connect(state.0) {
                    pass_on(&near, &far);
                    pass_on(&far, &near);
                    state.1.extend([near, far]);
                }
            }
        });
        Way { address, state }
    }

    fn cut(&self) {
        self.state.lock().unwrap().1.drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }

    fn lead_to(&self, server: SocketAddr) {
        self.state.lock().unwrap().0 = server;
    }
}

/// Copies what comes on one side to the other, on a thread of its own.
fn pass_on(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
