//! The `[archive]` table: where a copy of the log is kept up with.

use std::path::PathBuf;

use super::{
    document::{Node, Section},
    error::Problems,
};

const KEYS: &[&str] = &["directory"];

/// The archive's directory, where there is to be one.
pub(super) fn read(node: Option<Node>, problems: &mut Problems) -> Option<PathBuf> {
    let mut table = Section::of_node("[archive]", node?, KEYS, problems)?;
    let place = table.place.clone();
    let hint = "write directory = \"…\", a directory of its own on another disk";
    match table.text("directory", problems) {
        None => {
            problems.add(&place, "[archive] names no `directory`", hint);
            None
        }
        Some((place, text)) if text.is_empty() => {
            problems.add(&place, "`directory` is empty", hint);
            None
        }
        Some((_, text)) => Some(PathBuf::from(text)),
    }
}
