//! How a command prints what it found.

use clap::ValueEnum;

/// How records and reports are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// For people: aligned columns and sentences.
    #[default]
    Table,
    /// For programs: one object, with the names that GraphQL uses.
    Json,
}
