//! The sender's side: what was sent.
//!
//! Bodies come in as bytes, a [`Reading`](crate::log::Reading) goes out. This is the only place that knows the vendor's
//! JSON.

mod media_type;
mod coding;
mod body;
mod intake;

pub use body::{read, read_again};
pub use intake::{NearMiss, Taken, TooLarge, take};
