//! The sender's side: who is it, and what did they send.
//!
//! Route keys, tokens and bodies come in as bytes; a source's name and a [`Reading`](crate::log::Reading)
//! go out. This is the only place that knows the vendor's JSON. Keeps promise 8: whoever is not
//! authenticated learns nothing, not even by how long the answer takes.

mod authenticate;
mod body;

pub use authenticate::{Gate, Require, SourceAccess};
pub use body::read;
