//! The GraphQL API.

mod readers;

pub use readers::{ReaderAccess, Readers, Role, Viewer};
