//! Deliveries become lines. The chain is computed on the way, so that no last line is written after a wrong one.

use std::io::{self, Write};

use clockfold_log::{Delivery, Head};

use super::{
    header::Header,
    line::{print_delivery, print_end, print_header},
};

/// Writes an export.
pub struct Writer<W> {
    output: W,
    header: Header,
    at: Head,
    deliveries: u64,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the first line.
    pub fn new(mut output: W, header: Header) -> io::Result<Writer<W>> {
        let mut line = Vec::with_capacity(4096);
        print_header(&header, &mut line);
        output.write_all(&line)?;
        Ok(Writer { output, at: header.stretch.after, header, deliveries: 0, line })
    }

    /// Takes the next delivery of the stretch, and writes it where its source is asked for.
    pub fn write(&mut self, delivery: &Delivery) -> io::Result<()> {
        self.at = Head { position: delivery.position, digest: self.at.digest.then(delivery) };
        if self.header.sources.as_ref().is_none_or(|sources| sources.contains(&delivery.source)) {
            print_delivery(delivery, &mut self.line);
            self.output.write_all(&self.line)?;
            self.deliveries += 1;
        }
        Ok(())
    }

    /// Writes the last line, if the chain has come to where the first line says. Returns how many deliveries were
    /// written, and the output.
    pub fn finish(mut self) -> io::Result<(u64, W)> {
        if self.at != self.header.stretch.to {
            let message = format!("the deliveries up to position {} do not have the log's digest", self.at.position);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        print_end(&self.header, self.deliveries, &mut self.line);
        self.output.write_all(&self.line)?;
        self.output.flush()?;
        Ok((self.deliveries, self.output))
    }
}
