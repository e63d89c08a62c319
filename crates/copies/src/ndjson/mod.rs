//! The export format: JSON, one object a line. Published in `docs/formats/copies.md`; what was written is read for ever.
//!
//! A first line says which stretch of the log follows, with the log's digest before and after it; each delivery is a
//! line; a last line repeats the stretch, so that a file that was cut short differs from a whole one. With the digests
//! a stretch verifies by itself. Where only some sources were exported the lines have gaps and can't verify.

mod escape;
mod header;
mod line;
mod reader;
mod writer;

pub use escape::escape_controls;
pub use header::Header;
pub use reader::{ReadError, Reader};
pub use writer::Writer;
