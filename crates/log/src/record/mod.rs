//! What a delivery is, how a group of them is written, and how they are chained. No file is touched here.

pub(crate) mod digest;
pub(crate) mod delivery;
pub(crate) mod chain;
pub(crate) mod cursor;
pub(crate) mod envelope;
pub(crate) mod block;
pub(crate) mod arrival;
pub(crate) mod positions;
