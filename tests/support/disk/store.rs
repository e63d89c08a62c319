//! A log's store, past the log.

use std::path::Path;

use crate::support::wait_for;

/// Opens the store of a log that was closed, also in this process: sled's own threads may have its file a moment longer.
pub fn open_store(log: &Path) -> sled::Db {
    let mut store = None;
    wait_for("the store's file is free", || {
        match sled::Config::new().path(log).segment_size(8 << 20).open() {
            Err(sled::Error::Io(error)) if error.to_string().starts_with("could not acquire lock") => {}
            opened => store = Some(opened.unwrap()),
        }
        store.is_some()
    });
    store.unwrap()
}
