//! Subscribers: over a WebSocket and over server-sent events, on real sockets, and able to misbehave.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket, client, handshake::client::generate_key, http::Request,
};

/// What a message may take to come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A WebSocket that speaks `graphql-transport-ws`.
pub struct Socket {
    socket: WebSocket<TcpStream>,
}

/// What comes over a WebSocket.
#[derive(Debug, PartialEq)]
pub enum Came {
    /// A message of the protocol.
    Message(Value),
    /// The code and the reason of a close frame.
    Closed(u16, String),
    /// The connection has ended without one.
    Gone,
}

impl Socket {
    /// A connection with these further headers, which has said nothing yet; the status where it is refused.
    pub fn connect(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Socket, u16> {
        let mut request = Request::get(format!("ws://{address}/graphql"))
            .header("Host", address.to_string())
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key());
        if !headers.iter().any(|(name, _)| *name == "Sec-WebSocket-Protocol") {
            request = request.header("Sec-WebSocket-Protocol", "graphql-transport-ws");
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        match client::client(request.body(()).unwrap(), stream) {
            Ok((socket, _)) => Ok(Socket { socket }),
            Err(tokio_tungstenite::tungstenite::HandshakeError::Failure(Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            // It was upgraded to nothing that this client speaks.
            Err(tokio_tungstenite::tungstenite::HandshakeError::Failure(Error::Protocol(_))) => Err(101),
            Err(error) => panic!("{error}"),
        }
    }

    /// A connection that is acknowledged.
    pub fn open(address: SocketAddr) -> Socket {
        Socket::open_as(address, None)
    }

    /// A connection of a reader, who says so in the first message.
    pub fn open_as(address: SocketAddr, token: Option<&str>) -> Socket {
        let mut socket = Socket::connect(address, &[]).expect("an upgrade");
        socket.init(token);
        assert_eq!(socket.next(), Came::Message(json!({ "type": "connection_ack" })));
        socket
    }

    /// Says who it is.
    pub fn init(&mut self, token: Option<&str>) {
        match token {
            None => self.say(&json!({ "type": "connection_init" })),
            Some(token) => {
                let payload = json!({ "Authorization": format!("Bearer {token}") });
                self.say(&json!({ "type": "connection_init", "payload": payload }));
            }
        }
    }

    /// Asks for an operation.
    pub fn subscribe(&mut self, id: &str, query: &str) {
        self.say(&json!({ "id": id, "type": "subscribe", "payload": { "query": query } }));
    }

    /// Sends a message.
    pub fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string()));
    }

    /// Sends a frame.
    pub fn send(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    /// Pings, and reads none of the answers, until neither end's buffers take more.
    pub fn pings_and_reads_nothing(&mut self) {
        // A mask of zeros leaves the rest as it is.
        let ping = [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &[b'x'; 125]].concat();
        let stream = self.socket.get_mut();
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let many = ping.repeat(1_000);
        for _ in 0..1_000 {
            if stream.write_all(&many).is_err() {
                return;
            }
        }
        panic!("the server takes everything");
    }

    /// What comes next, pings aside.
    pub fn next(&mut self) -> Came {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Came::Message(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(Some(frame))) => {
                    let _ = self.socket.flush();
                    return Came::Closed(frame.code.into(), frame.reason.to_string());
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => _ = self.socket.flush(),
                Ok(other) => panic!("{other:?}"),
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("nothing has come in {PATIENCE:?}")
                }
                Err(_) => return Came::Gone,
            }
        }
    }

    /// The next message.
    pub fn message(&mut self) -> Value {
        match self.next() {
            Came::Message(message) => message,
            other => panic!("{other:?} in place of a message"),
        }
    }

    /// The `data` of the next response.
    pub fn data(&mut self) -> Value {
        let message = self.message();
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"].clone()
    }

    /// The lengths of the next message's frames.
    pub fn frame_lengths(&mut self) -> Vec<usize> {
        use std::io::Read as _;

        let stream = self.socket.get_mut();
        let mut lengths = Vec::new();
        loop {
            let mut head = [0; 2];
            stream.read_exact(&mut head).unwrap();
            let mut length = usize::from(head[1]);
            assert!(length < 127, "a frame of more than 64 KiB");
            if length == 126 {
                let mut long = [0; 2];
                stream.read_exact(&mut long).unwrap();
                length = usize::from(u16::from_be_bytes(long));
            }
            stream.read_exact(&mut vec![0; length]).unwrap();
            lengths.push(length);
            // The last one.
            if head[0] & 0x80 != 0 {
                return lengths;
            }
        }
    }

    /// Whether the connection is still there, as far as its own end shows without an answer to a ping.
    pub fn is_there(&mut self) -> bool {
        use std::io::Read as _;

        let read = self.socket.get_mut().read(&mut [0; 64]);
        read.is_ok_and(|bytes| bytes > 0)
    }

    /// Whether nothing comes for a time.
    pub fn is_silent(&mut self, time: Duration) -> bool {
        self.socket.get_ref().set_read_timeout(Some(time)).unwrap();
        let silent = match self.socket.read() {
            Err(Error::Io(error)) => error.kind() == std::io::ErrorKind::WouldBlock,
            Ok(Message::Ping(_)) => true,
            _ => false,
        };
        self.socket.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }
}

/// A subscription over server-sent events.
pub struct Events {
    stream: BufReader<TcpStream>,
}

impl Events {
    /// Begins one; panics where it is refused.
    pub fn open(address: SocketAddr, headers: &[(&str, &str)], query: &str) -> Events {
        let body = json!({ "query": query }).to_string();
        let mut head = format!(
            "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: {}\r\n",
            body.len()
        );
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        Events::begin(address, &format!("{head}\r\n{body}"))
    }

    /// Begins what a GET of a path tells; panics where it is refused.
    pub fn follow(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Events {
        let mut head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        Events::begin(address, &format!("{head}\r\n"))
    }

    fn begin(address: SocketAddr, request: &str) -> Events {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut events = Events { stream: BufReader::new(stream) };
        let status = events.line().unwrap();
        assert!(status.contains(" 200 "), "{status}");
        while events.line().unwrap() != "" {}
        events
    }

    /// The next line of a kind, as it came; `None` at the end.
    pub fn event(&mut self, kind: &str) -> Option<String> {
        loop {
            let line = self.line()?;
            if let Some((found, value)) = line.split_once(':')
                && found == kind
            {
                return Some(value.to_owned());
            }
        }
    }

    /// The `data` of the next response; `None` at the end.
    pub fn data(&mut self) -> Option<Value> {
        let mut event = String::new();
        loop {
            let line = self.line()?;
            // The last chunk: the answer has ended, and its connection is kept for another one.
            if line == "0" {
                return None;
            }
            match line.split_once(':') {
                Some(("event", name)) => event = name.trim().to_owned(),
                Some(("data", data)) if event == "next" => {
                    let response: Value = serde_json::from_str(data).unwrap();
                    assert!(response.get("errors").is_none(), "{response}");
                    return Some(response["data"].clone());
                }
                Some(("data", _)) => return None,
                _ => {}
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).unwrap_or_default();
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

/// A number that comes as a text.
pub fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}
