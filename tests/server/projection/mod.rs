//! The projection is built anew, beside everything else.

mod refold;
mod rebuild;
mod rebuild_commands;
mod repaired;
