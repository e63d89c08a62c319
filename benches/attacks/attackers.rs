//! Those who attack: each has one connection, does its harm on it, and comes back when it is closed.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::support::net::http2;

/// How often each does something.
const TURN: Duration = Duration::from_secs(2);
/// What one turn's pause is cut into.
const SLICE: Duration = Duration::from_millis(5);
/// Answers that are asked for on one connection.
const STREAMS: usize = 100;

/// What is done on a connection.
pub(super) struct Attack {
    pub(super) name: &'static str,
    begin: fn(SocketAddr) -> std::io::Result<Held>,
    go_on: fn(&mut Held) -> std::io::Result<()>,
}

pub(super) enum Held {
    Plain(TcpStream),
    Http2(Box<http2::Connection>),
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "idle", begin: |address| plain(address, b""), go_on: listen },
    Attack {
        name: "slow heads",
        begin: |address| plain(address, b"POST /webhook HTTP/1.1\r\nHost: a\r\nX: "),
        go_on: byte,
    },
    Attack {
        name: "large heads",
        begin: |address| {
            let head = [&b"POST /webhook HTTP/1.1\r\nHost: a\r\nX: "[..], &[b'x'; 60_000]].concat();
            plain(address, &head)
        },
        go_on: byte,
    },
    Attack {
        name: "slow bodies",
        begin: |address| {
            let head = "Host: a\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{";
            plain(address, format!("POST /session HTTP/1.1\r\n{head}").as_bytes())
        },
        go_on: byte,
    },
    Attack {
        name: "asking",
        begin: |address| plain(address, ASKING),
        go_on: |held| {
            listen(held)?;
            match held {
                Held::Plain(stream) => stream.write_all(ASKING),
                Held::Http2(_) => Ok(()),
            }
        },
    },
    Attack {
        name: "HTTP/2 stalled",
        begin: |address| {
            let mut connection = http2::Connection::open(address, Some(0))?;
            for _ in 0..STREAMS {
                connection.ask("GET", "/explorer/explorer.js", &[], Some(b""))?;
            }
            Ok(Held::Http2(Box::new(connection)))
        },
        go_on: listen,
    },
    Attack {
        name: "HTTP/2 pinging",
        begin: |address| {
            let mut connection = http2::Connection::open(address, None)?;
            connection.ask("GET", "/livez", &[], Some(b""))?;
            Ok(Held::Http2(Box::new(connection)))
        },
        go_on: |held| {
            if let Held::Http2(connection) = held {
                connection.ping()?;
            }
            listen(held)
        },
    },
];

const ASKING: &[u8] = b"GET /webhook HTTP/1.1\r\nHost: a\r\n\r\n";

fn plain(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Held> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    stream.write_all(bytes)?;
    Ok(Held::Plain(stream))
}

fn byte(held: &mut Held) -> std::io::Result<()> {
    listen(held)?;
    match held {
        Held::Plain(stream) => stream.write_all(b"x"),
        Held::Http2(_) => Ok(()),
    }
}

/// Reads what has come; an error where the connection is closed.
fn listen(held: &mut Held) -> std::io::Result<()> {
    match held {
        Held::Http2(connection) => connection.frames_so_far().map(drop),
        Held::Plain(stream) => match stream.read(&mut [0; 4096]) {
            Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        },
    }
}

/// All of them.
pub(super) struct Attackers<'a> {
    attack: &'a Attack,
    address: SocketAddr,
    held: Vec<Option<Held>>,
}

impl<'a> Attackers<'a> {
    pub(super) fn new(attack: &'a Attack, address: SocketAddr, connections: usize) -> Attackers<'a> {
        Attackers { attack, address, held: (0..connections).map(|_| None).collect() }
    }

    /// Each does something; those who were closed come back.
    pub(super) fn turn(&mut self) {
        let begun = Instant::now();
        for held in &mut self.held {
            let goes_on = held.as_mut().is_some_and(|held| (self.attack.go_on)(held).is_ok());
            if !goes_on {
                *held = (self.attack.begin)(self.address).ok();
            }
            if begun.elapsed() > 2 * TURN {
                // The sender's own measure of the time goes on.
                break;
            }
        }
        while begun.elapsed() < TURN {
            thread::sleep(SLICE);
        }
    }
}
