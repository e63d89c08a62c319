//! A connection that waits for each answer, and what a run of many of them took.
//!
//! Written by hand over a socket: a client library would use more of the two cores than the server does.

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpStream;

use super::Fallible;

/// What was measured, latencies in ascending order.
pub(super) struct Run {
    pub(super) per_second: f64,
    latencies: Vec<Duration>,
}

impl Run {
    pub(super) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Run {
        latencies.sort_unstable();
        Run { per_second: latencies.len() as f64 / elapsed.as_secs_f64(), latencies }
    }

    #[allow(dead_code, reason = "not every bench counts")]
    pub(super) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// The latency that `percent` of all were not above.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// One connection.
pub(super) struct Socket {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Socket {
    pub(super) async fn open(address: SocketAddr) -> Fallible<Socket> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Socket { address, stream, buffer: vec![0; 16 << 10] })
    }

    /// Posts JSON and returns the whole answer, head and body.
    pub(super) async fn post(&mut self, path: &str, body: &str) -> Fallible<&str> {
        let (address, length) = (self.address, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.ask(request.as_bytes()).await
    }

    /// Gets a page and returns the whole answer, head and body.
    #[allow(dead_code, reason = "not every bench gets")]
    pub(super) async fn get(&mut self, path: &str) -> Fallible<&str> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        self.ask(request.as_bytes()).await
    }

    /// Sends a request and returns the whole answer, head and body.
    async fn ask(&mut self, mut request: &[u8]) -> Fallible<&str> {
        while !request.is_empty() {
            match self.stream.try_write(request) {
                Ok(written) => request = &request[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        let (mut read, mut length) = (0, None);
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.buffer[read..]) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(more) => read += more,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            if length.is_none() {
                length = answer_length(&self.buffer[..read])?;
            }
            if length == Some(read) {
                return Ok(std::str::from_utf8(&self.buffer[..read])?);
            }
            if read == self.buffer.len() {
                self.buffer.resize(length.unwrap_or(read * 2).max(read * 2), 0);
            }
        }
    }
}

/// Head and body together, once the head is there.
fn answer_length(bytes: &[u8]) -> Fallible<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let body: usize = field.ok_or("an answer without a length")?.trim().parse()?;
    Ok(Some(head.len() + 4 + body))
}
