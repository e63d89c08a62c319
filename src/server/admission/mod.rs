//! Who may: origins, credentials and sessions of requests, and what becomes of those that have none.

pub(in crate::server) mod failures;
pub(in crate::server) mod refusals;
pub(in crate::server) mod origin;
pub(in crate::server) mod cors;
pub(in crate::server) mod sessions;
pub(in crate::server) mod access;
pub(in crate::server) mod pass;
