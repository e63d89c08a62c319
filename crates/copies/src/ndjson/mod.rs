//! The export format: JSON, one object a line. Published in `docs/formats/copies.md`; what was written is read for ever.
//!
//! A first line says which stretch of the log follows, with the log's digest before and after it; each delivery is a
//! line; a last line repeats the stretch, so that a file that was cut short is told from a whole one. With the digests
//! a stretch verifies by itself. Where only some sources were exported the lines have gaps and can't verify.

mod escape;
mod line;
mod reader;
mod writer;

use std::collections::BTreeSet;

use clockfold_log::SourceName;

use super::Stretch;

pub use escape::escape_controls;
pub use reader::Reader;
pub use writer::Writer;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which part of the log the export is of.
    pub stretch: Stretch,
    /// The only sources whose deliveries are there; `None`: all.
    pub sources: Option<BTreeSet<SourceName>>,
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
