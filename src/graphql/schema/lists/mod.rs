//! Lists in pages: their filters, where a page begins, and their connections.

pub(in crate::graphql) mod handle;
pub(in crate::graphql) mod connection;
pub(in crate::graphql) mod filter;
