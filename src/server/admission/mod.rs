//! Who may do what: origins, credentials and sessions of requests, and how requests without them are refused.

pub(in crate::server) mod failures;
pub(in crate::server) mod refusals;
pub(in crate::server) mod origin;
pub(in crate::server) mod cors;
pub(in crate::server) mod sessions;
pub(in crate::server) mod access;
pub(in crate::server) mod pass;
