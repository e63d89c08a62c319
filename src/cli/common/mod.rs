//! What several commands need: their caller, the log that they read, their progress, and how they end.

pub(in crate::cli) mod format;
pub(in crate::cli) mod hint;
pub(in crate::cli) mod time;
pub(in crate::cli) mod stop;
pub(in crate::cli) mod progress;
pub(in crate::cli) mod owner;
pub(in crate::cli) mod call;
pub(in crate::cli) mod descriptors;
pub(in crate::cli) mod log_source;
pub(in crate::cli) mod fold_report;
pub(in crate::cli) mod fold_again;
