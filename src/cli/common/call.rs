//! What a command gets beside its own arguments and the configuration.

use std::io::Write;

use crate::{cli::common::owner::Invocation, log::Clock};

/// A command's surroundings: nothing else reaches it.
pub(in crate::cli) struct Call<'a> {
    /// Who runs it.
    pub(in crate::cli) invocation: &'a Invocation,
    /// The clock.
    pub(in crate::cli) clock: &'a Clock,
    /// For the result.
    pub(in crate::cli) stdout: &'a mut dyn Write,
    /// For the person who looks on.
    pub(in crate::cli) stderr: &'a mut dyn Write,
}
