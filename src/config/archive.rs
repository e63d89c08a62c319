//! The `[archive]` table: where a copy of the log is kept up to date.

use std::path::PathBuf;

use super::{
    document::{Node, Section},
    error::Problems,
    settings::key::{self, Absent, ConfigKey, Kind},
};

/// The keys of `[archive]`.
pub(super) const KEYS: &[ConfigKey] = &[ConfigKey::new(
    "directory",
    Kind::Text("path"),
    Absent::Otherwise("no archive"),
    "Where the server keeps a copy of the log: a directory of its own, on another disk than `data_dir`. A relative path \
     counts from the working directory.",
)];

/// The archive's directory, if there is to be one.
pub(super) fn read(node: Option<Node>, problems: &mut Problems) -> Option<PathBuf> {
    let mut table = Section::of_node("[archive]", node?, &key::names(KEYS), problems)?;
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
