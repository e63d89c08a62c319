//! As much HTTP/2 as one request needs (RFC 9113), over a plain connection and without compression; and as much as it
//! takes to be a nuisance.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// One request on a connection of its own; the body of its answer. `headers` may begin with another `:authority`.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut connection = Connection::open(address, None).unwrap();
    connection.ask(method, path, headers, Some(body)).unwrap();
    let mut answered = Vec::new();
    loop {
        let frame = connection.frame().unwrap();
        if frame.kind == DATA {
            answered.extend(&frame.payload);
        }
        if frame.ends_stream() {
            return answered;
        }
    }
}

/// A frame that came.
#[derive(Clone, Debug)]
pub struct Frame {
    kind: u8,
    flags: u8,
    /// Of which stream it is; 0: of the connection.
    pub stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// Whether a stream was answered, or is reset.
    pub fn ends_stream(&self) -> bool {
        self.is_reset() || (matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0)
    }

    /// Whether a stream is reset.
    pub fn is_reset(&self) -> bool {
        self.kind == RST_STREAM
    }

    /// Whether the server says that it closes the connection.
    pub fn is_goodbye(&self) -> bool {
        self.kind == GOAWAY
    }

    /// The bytes of a body.
    pub fn data(&self) -> usize {
        if self.kind == DATA { self.payload.len() } else { 0 }
    }
}

/// A connection on which anything can be sent.
pub struct Connection {
    stream: TcpStream,
    next: u32,
    /// What came and is no whole frame yet.
    read: Vec<u8>,
    windows: Windows,
}

/// What may be sent of bodies without being asked for (RFC 9113, 5.2).
struct Windows {
    connection: i64,
    /// Of a stream that begins.
    initial: i64,
    /// What each stream was given beyond that, less what was sent on it.
    streams: BTreeMap<u32, i64>,
}

impl Windows {
    fn sees(&mut self, frame: &Frame) {
        let number = |bytes: &[u8]| i64::from(u32::from_be_bytes(bytes.try_into().unwrap()));
        match frame.kind {
            WINDOW_UPDATE if frame.stream == 0 => self.connection += number(&frame.payload),
            WINDOW_UPDATE => *self.streams.entry(frame.stream).or_default() += number(&frame.payload),
            SETTINGS => {
                let sets = |setting: &&[u8]| setting[..2] == INITIAL_WINDOW_SIZE.to_be_bytes();
                if let Some(setting) = frame.payload.chunks(6).find(sets) {
                    self.initial = number(&setting[2..]);
                }
            }
            _ => {}
        }
    }

    /// How much may be sent on a stream now.
    fn of(&self, stream: u32) -> usize {
        let of_stream = self.initial + self.streams.get(&stream).copied().unwrap_or_default();
        usize::try_from(self.connection.min(of_stream)).unwrap_or_default()
    }

    fn sends(&mut self, stream: u32, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap();
        self.connection -= bytes;
        *self.streams.entry(stream).or_default() -= bytes;
    }
}

impl Connection {
    /// Connects, and begins. `window`: how much of each answer may come without being asked for.
    pub fn open(address: SocketAddr, window: Option<u32>) -> std::io::Result<Connection> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_nodelay(true)?;
        let settings = window
            .map_or(Vec::new(), |window| [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window.to_be_bytes()].concat());
        let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &settings)[..]].concat();
        stream.write_all(&begin)?;
        let windows = Windows { connection: 65_535, initial: 65_535, streams: BTreeMap::new() };
        Ok(Connection { stream, next: 1, read: Vec::new(), windows })
    }

    /// Sends a request; `None`: its body does not end. Returns its stream.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> std::io::Result<u32> {
        let mut fields = Vec::new();
        let pseudo = [(":method", method), (":scheme", "http"), (":path", path)];
        let authority = (!headers.iter().any(|(name, _)| *name == ":authority")).then_some((":authority", "127.0.0.1"));
        for (name, value) in pseudo.iter().chain(&authority).chain(headers) {
            // A literal field that is not indexed (RFC 7541, 6.2.2); lengths under 127 are one byte.
            fields.push(0);
            for text in [name.to_lowercase(), (*value).to_owned()] {
                fields.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short field"));
                fields.extend_from_slice(text.as_bytes());
            }
        }
        let stream = self.next;
        self.next += 2;
        let mut bytes = frame(HEADERS, END_HEADERS, stream, &fields);
        if let Some(body) = body {
            bytes.extend(frame(DATA, END_STREAM, stream, body));
        }
        self.stream.write_all(&bytes)?;
        Ok(stream)
    }

    /// Sends the same body on all of these streams, each a frame in its turn, as far as the server lets it come, until all are
    /// answered.
    pub fn upload(&mut self, streams: &[u32], body: &[u8]) -> std::io::Result<()> {
        let mut left: Vec<(u32, &[u8])> = streams.iter().map(|stream| (*stream, body)).collect();
        let mut answered = BTreeSet::new();
        while answered.len() < streams.len() {
            let before: usize = left.iter().map(|(_, rest)| rest.len()).sum();
            for (stream, rest) in &mut left {
                let (now, later) = rest.split_at(self.windows.of(*stream).min(rest.len()).min(16 << 10));
                if now.is_empty() {
                    continue;
                }
                self.windows.sends(*stream, now.len());
                let flags = if later.is_empty() { END_STREAM } else { 0 };
                self.stream.write_all(&frame(DATA, flags, *stream, now))?;
                *rest = later;
            }
            left.retain(|(_, rest)| !rest.is_empty());
            if before == left.iter().map(|(_, rest)| rest.len()).sum::<usize>() {
                let frame = self.frame()?;
                if frame.ends_stream() {
                    answered.insert(frame.stream);
                }
            }
        }
        Ok(())
    }

    /// Lets so many bytes of an answer come, and of the connection.
    pub fn take(&mut self, stream: u32, bytes: u32) -> std::io::Result<()> {
        let more = [0, stream].map(|stream| frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes()));
        self.stream.write_all(&more.concat())
    }

    /// Asks whether the server is there.
    pub fn ping(&mut self) -> std::io::Result<()> {
        self.stream.write_all(&frame(PING, 0, 0, b"are you?"))
    }

    /// The next frame. The server's own pings are answered.
    pub fn frame(&mut self) -> std::io::Result<Frame> {
        loop {
            if let Some(frame) = self.whole_frame()? {
                return Ok(frame);
            }
            let mut bytes = [0; 16 << 10];
            let read = self.stream.read(&mut bytes)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.read.extend_from_slice(&bytes[..read]);
        }
    }

    /// Whatever has come meanwhile; an error where the server has closed the connection.
    pub fn frames_so_far(&mut self) -> std::io::Result<Vec<Frame>> {
        self.stream.set_nonblocking(true)?;
        let mut frames = Vec::new();
        let ended = loop {
            match self.frame() {
                Ok(frame) => frames.push(frame),
                Err(error) => break error,
            }
        };
        self.stream.set_nonblocking(false)?;
        // What came before the end is told first.
        let goes_on = ended.kind() == std::io::ErrorKind::WouldBlock || !frames.is_empty();
        if goes_on { Ok(frames) } else { Err(ended) }
    }

    fn whole_frame(&mut self) -> std::io::Result<Option<Frame>> {
        let Some(head) = self.read.first_chunk::<9>() else { return Ok(None) };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if self.read.len() < 9 + length {
            return Ok(None);
        }
        let payload = self.read[9..9 + length].to_vec();
        self.read.drain(..9 + length);
        if kind == PING && flags & ACK == 0 {
            self.stream.write_all(&frame(PING, ACK, 0, &payload))?;
        }
        let whole = Frame { kind, flags, stream, payload };
        if flags & ACK == 0 {
            self.windows.sees(&whole);
            if kind == SETTINGS {
                self.stream.write_all(&frame(SETTINGS, ACK, 0, &[]))?;
            }
        }
        Ok(Some(whole))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}
