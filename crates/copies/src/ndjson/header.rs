//! Which part of a log an export is of.

use std::collections::BTreeSet;

use clockfold_log::SourceName;

use crate::stretch::Stretch;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which part of the log the export is of.
    pub stretch: Stretch,
    /// The only sources whose deliveries are there; `None`: all.
    pub sources: Option<BTreeSet<SourceName>>,
}
