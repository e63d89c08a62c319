//! The log and its journal, as files.

mod store;
mod journal;
mod journal_moves;
mod meanwhile;
mod corruption;
