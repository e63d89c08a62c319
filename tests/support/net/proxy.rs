//! Real proxies in front of a real server: nginx, Apache and Caddy, each set up as its own documentation's first page does,
//! on a port of its own. `tests/run` installs them; one that is not there fails its test.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What a start may take.
const START_MAX: Duration = Duration::from_secs(60);
/// A port that was free may be taken by the time that the proxy asks for it.
const ATTEMPTS: usize = 5;

/// How a proxy is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// `proxy_pass`, and nothing else: HTTP/1.0 to the server, answers gathered, a `Host` of its own.
    NginxPlain,
    /// As nginx's page about WebSockets has it.
    NginxSockets,
    /// The same, passing on the browser's `Host`.
    NginxHost,
    /// `ProxyPass` with `upgrade=websocket`: a `Host` of its own, and the browser's in `X-Forwarded-Host`.
    Apache,
    /// `reverse_proxy`.
    Caddy,
}

/// A proxy; killed when dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// Starts one in front of a server, and waits until it answers.
    pub fn start(setup: Setup, server: SocketAddr) -> Proxy {
        let mut told = String::new();
        for _ in 0..ATTEMPTS {
            match Proxy::try_start(setup, server) {
                Ok(proxy) => return proxy,
                Err(message) => told = message,
            }
        }
        panic!("{setup:?} did not start: {told}");
    }

    fn try_start(setup: Setup, server: SocketAddr) -> Result<Proxy, String> {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = match setup {
            Setup::NginxPlain | Setup::NginxSockets | Setup::NginxHost => nginx(setup, folder.path(), address, server),
            Setup::Apache => apache(folder.path(), address, server),
            Setup::Caddy => caddy(folder.path(), address, server),
        };
        let printed = fs::File::create(folder.path().join("printed")).unwrap();
        command.stdin(Stdio::null()).stdout(printed.try_clone().unwrap()).stderr(printed);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; `tests/run` installs it"));
        let begun = Instant::now();
        loop {
            let ended = child.try_wait().unwrap();
            if ended.is_none() && TcpStream::connect(address).is_ok() {
                return Ok(Proxy { address, child, _folder: folder });
            }
            if ended.is_some() || begun.elapsed() > START_MAX {
                let _ = child.kill();
                let _ = child.wait();
                let read = |name| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
                return Err(format!("{ended:?} {} {}", read("printed"), read("error")));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// As a browser calls it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In one process, so that none is left when it is killed.
fn nginx(setup: Setup, folder: &Path, address: SocketAddr, server: SocketAddr) -> Command {
    let sockets = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                   proxy_set_header Connection $connection_upgrade;";
    let more = match setup {
        Setup::NginxSockets => sockets.to_owned(),
        Setup::NginxHost => format!("{sockets} proxy_set_header Host $http_host;"),
        _ => String::new(),
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {}/{what};\n", folder.display()))
        .concat();
    let config = format!(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/error warn; events {{}}
        http {{
          access_log off;
          {temporary}
          map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
          server {{ listen {address}; location / {{ proxy_pass http://{server}; {more} }} }}
        }}",
        folder.display()
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, config).unwrap();
    let mut command = Command::new(program("nginx"));
    command.arg("-e").arg(folder.join("error")).arg("-c").arg(path);
    command
}

/// In one process, too.
fn apache(folder: &Path, address: SocketAddr, server: SocketAddr) -> Command {
    let modules: String = ["mpm_event", "authz_core", "proxy", "proxy_http"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
    let config = format!(
        "{modules}
        ServerName localhost
        DefaultRuntimeDir {0}
        PidFile {0}/pid
        ErrorLog {0}/error
        User www-data
        Group www-data
        Listen {address}
        ProxyPass / http://{server}/ upgrade=websocket
        ProxyPassReverse / http://{server}/
        ",
        folder.display()
    );
    let path = folder.join("httpd.conf");
    fs::write(&path, config).unwrap();
    let mut command = Command::new(program("apache2"));
    command.args(["-X", "-f"]).arg(path);
    command
}

fn caddy(folder: &Path, address: SocketAddr, server: SocketAddr) -> Command {
    let global = "{\n admin off\n auto_https off\n}\n";
    let port = address.port();
    let config = format!("{global}:{port} {{\n bind 127.0.0.1\n reverse_proxy {server}\n}}\n");
    let path = folder.join("Caddyfile");
    fs::write(&path, config).unwrap();
    let mut command = Command::new(program("caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(path);
    command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    command
}

/// Where a program is that not every user's path leads to.
pub fn program(name: &str) -> PathBuf {
    let system = Path::new("/usr/sbin").join(name);
    if system.exists() { system } else { name.into() }
}
