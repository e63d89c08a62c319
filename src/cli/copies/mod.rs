//! Commands that take the log elsewhere and bring it back.

pub(in crate::cli) mod export;
pub(in crate::cli) mod import;
pub(in crate::cli) mod backup;
pub(in crate::cli) mod restore;
