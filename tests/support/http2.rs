//! As much HTTP/2 as one request needs (RFC 9113), over a plain connection and without compression.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// One request on a connection of its own; the body of its answer. `headers` may begin with another `:authority`.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
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
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, b"")).unwrap();
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, &fields)).unwrap();
    stream.write_all(&frame(DATA, END_STREAM, 1, body)).unwrap();
    let mut answered = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == DATA {
            answered.extend(payload);
        }
        if matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM != 0 {
            return answered;
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}
