//! What a command is given beside its own arguments and the configuration.

use std::io::Write;

use crate::{cli::common::owner::Invocation, log::Clock};

/// A command's surroundings: nothing else reaches it.
pub(in crate::cli) struct Call<'a> {
    /// Who runs it.
    pub(in crate::cli) invocation: &'a Invocation,
    /// The clock.
    pub(in crate::cli) clock: &'a Clock,
    /// For what was asked.
    pub(in crate::cli) stdout: &'a mut dyn Write,
    /// For whoever looks on.
    pub(in crate::cli) stderr: &'a mut dyn Write,
}
