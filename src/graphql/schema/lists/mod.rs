//! Lists in pages: what they are filtered by, where a page begins, and the connections that they come in.

pub(in crate::graphql) mod handle;
pub(in crate::graphql) mod connection;
pub(in crate::graphql) mod filter;
