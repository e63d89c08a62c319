//! Where everything is kept: the keys at the top of the file, beside the tables.

use std::path::PathBuf;

use super::{
    document::Section,
    error::Problems,
    settings::key::{Absent, ConfigKey, Kind},
};

/// Where everything is kept by default.
pub const DEFAULT_DATA_DIR: &str = "clockfold-data";

/// The keys at the top of the file, beside the tables.
pub(super) const KEYS: &[ConfigKey] = &[ConfigKey::new(
    "data_dir",
    Kind::Text("path"),
    Absent::Text(DEFAULT_DATA_DIR),
    "Where everything is kept. A relative path counts from the working directory. `--data-dir` goes over it.",
)];

/// Reads it at the top of the file.
pub(super) fn read(top: &mut Section, problems: &mut Problems) -> PathBuf {
    match top.text("data_dir", problems) {
        None => PathBuf::from(DEFAULT_DATA_DIR),
        Some((place, text)) => {
            if text.is_empty() {
                problems.add(&place, "`data_dir` is empty", "name a directory, or leave it out for `clockfold-data`");
            }
            PathBuf::from(text)
        }
    }
}
