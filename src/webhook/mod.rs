//! The sender's side: who is it, and what did they send.
//!
//! Route keys, tokens and bodies come in as bytes; a source's name and a [`Reading`](crate::log::Reading)
//! go out. This is the only place that knows the vendor's JSON. Keeps promise 8: whoever is not
//! authenticated learns nothing, not even by how long the answer takes.

mod route_key;
mod authenticate;
mod media_type;
mod coding;
mod body;
mod intake;

pub use authenticate::{Gate, Require, Sender, SourceAccess};
pub use body::{read, read_again};
pub use intake::{NearMiss, Taken, TooLarge, take};
pub use route_key::{RouteKey, normalise as normalise_route_key};
