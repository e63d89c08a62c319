//! What went wrong with the log, and what to do, as a person reads it.

use anyhow::anyhow;

use crate::log::LogError;

/// What went wrong with the log, and what to do.
pub(in crate::cli) fn with_hint(error: LogError) -> anyhow::Error {
    anyhow!(Hinted { error })
}

/// An error of the log as a person reads it; a caller that has more to say finds the error in it.
#[derive(Debug)]
pub(in crate::cli) struct Hinted {
    pub(in crate::cli) error: LogError,
}

impl std::fmt::Display for Hinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n  hint: {}", self.error, self.error.hint())
    }
}

impl std::error::Error for Hinted {}
