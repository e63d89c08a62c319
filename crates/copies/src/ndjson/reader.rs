//! Lines become deliveries, each checked by itself and, up to the last line, by the chain.

use std::io::{BufRead, Read};

use chrono::{DateTime, Utc};

use clockfold_log::{Delivery, Head, may_follow};

use super::{
    header::Header,
    line::{check_end, is_end, parse_delivery, parse_header},
};

/// A body within the limit takes 88 KiB in base64; an event type of the same length no more than six times itself.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Reads an export. Only after its end has been reached without an error has everything in it proved to be what was
/// exported; where sources were left out, only that every line is well.
pub struct Reader<R> {
    input: R,
    header: Header,
    at: Head,
    received_at: DateTime<Utc>,
    deliveries: u64,
    /// The number of the line that was read last.
    line: u64,
    bytes: Vec<u8>,
    ended: bool,
}

/// Why an export can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file or connection itself.
    #[error("reading line {line}: {error}")]
    Input {
        /// The line; the first is 1.
        line: u64,
        /// What the system said.
        error: std::io::Error,
    },
    /// A line is not what the format says.
    #[error("line {line}: {message}")]
    Line {
        /// The line; the first is 1.
        line: u64,
        /// What is wrong with it. Nothing of its content is in it.
        message: String,
    },
    /// There is no last line.
    #[error("the export was cut short: it ends after line {lines}, and its last line is missing")]
    CutShort {
        /// How many lines there are.
        lines: u64,
    },
    /// Each line is well, but together they are not what was exported.
    #[error(
        "the digest after line {line} is not the one of the first line: since the export, a line was changed, or the first one"
    )]
    Digest {
        /// The last line.
        line: u64,
    },
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    pub fn new(mut input: R) -> Result<Reader<R>, ReadError> {
        let mut bytes = Vec::new();
        if !read_line(&mut input, &mut bytes, 1)? {
            return Err(ReadError::CutShort { lines: 0 });
        }
        let header = parse_header(&bytes).map_err(|message| ReadError::Line { line: 1, message })?;
        let (at, received_at) = (header.stretch.after, DateTime::<Utc>::MIN_UTC);
        Ok(Reader { input, header, at, received_at, deliveries: 0, line: 1, bytes, ended: false })
    }

    /// What the first line says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The number of the line that was read last.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next delivery; `None` after the last line, once that has proved them all.
    fn step(&mut self) -> Result<Option<Delivery>, ReadError> {
        let bad = |line, message| ReadError::Line { line, message };
        self.line += 1;
        if !read_line(&mut self.input, &mut self.bytes, self.line)? {
            return Err(ReadError::CutShort { lines: self.line - 1 });
        }
        if is_end(&self.bytes) {
            check_end(&self.bytes, &self.header, self.deliveries).map_err(|message| bad(self.line, message))?;
            if self.header.sources.is_none() && self.at != self.header.stretch.to {
                return Err(ReadError::Digest { line: self.line });
            }
            if read_line(&mut self.input, &mut self.bytes, self.line + 1)? {
                return Err(bad(self.line + 1, "the last line came before this one".to_owned()));
            }
            return Ok(None);
        }
        let delivery = parse_delivery(&self.bytes).map_err(|message| bad(self.line, message))?;
        self.take(&delivery).map_err(|message| bad(self.line, message))?;
        Ok(Some(delivery))
    }

    /// Checks a delivery against those before it.
    fn take(&mut self, delivery: &Delivery) -> Result<(), String> {
        let (position, last) = (delivery.position, self.at.position);
        if position > self.header.stretch.to.position {
            return Err(format!("position {position} is beyond the end that the first line tells"));
        }
        match &self.header.sources {
            None if position != last.next() => {
                return Err(format!("position {position} stands where {} belongs", last.next()));
            }
            Some(_) if position <= last => return Err(format!("position {position} follows position {last}")),
            Some(sources) if !sources.contains(&delivery.source) => {
                return Err("its source is none of those that the first line names".to_owned());
            }
            _ => {}
        }
        // Where sources were left out, the clock may have been set back at a delivery that is not here.
        if self.header.sources.is_none() && !may_follow(self.received_at, delivery.received_at) {
            return Err("`receivedAt` is less than a minute before that of the line before it".to_owned());
        }
        self.at = Head { position, digest: self.at.digest.then(delivery) };
        self.received_at = delivery.received_at;
        self.deliveries += 1;
        Ok(())
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Delivery, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// Reads a line without its line feed; `false` at the end.
fn read_line(input: &mut impl BufRead, bytes: &mut Vec<u8>, line: u64) -> Result<bool, ReadError> {
    bytes.clear();
    let read = input.take(LINE_BYTES_MAX).read_until(b'\n', bytes);
    if read.map_err(|error| ReadError::Input { line, error })? == 0 {
        return Ok(false);
    }
    match bytes.pop() {
        Some(b'\n') => Ok(true),
        Some(_) if bytes.len() as u64 + 1 == LINE_BYTES_MAX => {
            Err(ReadError::Line { line, message: format!("it is longer than {LINE_BYTES_MAX} bytes") })
        }
        // The line was being written when the writer ended.
        _ => Err(ReadError::CutShort { lines: line - 1 }),
    }
}
