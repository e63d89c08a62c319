//! Tables, from their keys up to the whole file.

pub(crate) mod key;
pub(crate) mod block;
pub(crate) mod filter;
pub(crate) mod section;
pub(crate) mod cache;
pub(crate) mod reader;
pub(crate) mod writer;
pub(crate) mod rows;
