//! The one writer: a group of deliveries goes in, and its rows go to disk in one atomic batch with the checkpoint.

pub(crate) mod record_cache;
pub(crate) mod store;
pub(crate) mod apply;
#[cfg(any(test, feature = "planted"))]
mod corruption;
