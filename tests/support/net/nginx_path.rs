//! A real nginx in front of a server: Debian's package, with a configuration of its own and nothing of the machine's.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::net::proxy::program;

/// What a `location` takes to pass WebSockets on.
pub const UPGRADES: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                            proxy_set_header Connection $connection_upgrade;";
/// The same to pass on the browser's `Host`.
pub const HOST: &str = "proxy_set_header Host $http_host;";

/// What it and a new configuration may take to be there.
const START_MAX: Duration = Duration::from_secs(30);

/// nginx, which ends when this is dropped.
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
}

/// A port that nobody listens on now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Nginx {
    /// Starts it at an address, with a `server` that has these `locations`.
    pub fn start(address: SocketAddr, locations: &str) -> Nginx {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), address, locations);
        let child = command(folder.path()).stderr(Stdio::null()).spawn();
        let child = child.expect("nginx is installed (Debian's package nginx-light; `tests/run` does it)");
        let nginx = Nginx { address, child, folder };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < START_MAX, "nginx does not start: {}", nginx.errors());
            thread::sleep(Duration::from_millis(20));
        }
        nginx
    }

    /// Has it take other `locations`. What is open stays open, by the old ones.
    pub fn reload(&self, locations: &str) {
        write(self.folder.path(), self.address, locations);
        let workers = || self.errors().matches("start worker process ").count();
        let before = workers();
        signal(self.child.id(), "HUP");
        let begun = Instant::now();
        while workers() == before {
            assert!(begun.elapsed() < START_MAX, "nginx does not load its configuration: {}", self.errors());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed, it would leave its worker.
        signal(self.child.id(), "TERM");
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(program("nginx"));
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).arg("-e").arg(folder.join("errors"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn write(folder: &Path, address: SocketAddr, locations: &str) {
    // A worker of another user could not reach the folder.
    let user = if fs::metadata(folder).unwrap().uid() == 0 { "user root;" } else { "" };
    let temporary: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};\n")).concat();
    let text = format!(
        "{user}\ndaemon off;\nworker_processes 1;\npid pid;\nerror_log errors notice;\nevents {{}}\nhttp {{\naccess_log off;\n\
         {temporary}map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n\
         server {{\nlisten {address};\n{locations}\n}}\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), text).unwrap();
}

fn signal(process: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status().unwrap();
    assert!(status.success());
}
