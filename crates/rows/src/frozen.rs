//! Files as each version wrote them: they are read for ever. `docs/formats/rows.md` draws their bytes.
//! `ROWS_TEST_WRITE=1` writes those of the newest version anew, after an intended change.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{Database, KeyspaceOptions, Options, store::manifest::table_path};

const SPACES: [KeyspaceOptions; 2] =
    [KeyspaceOptions { is_looked_up: true, is_once: false }, KeyspaceOptions { is_looked_up: false, is_once: false }];

/// A store's files as a version wrote them.
fn frozen(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/version-{version}"))
}

fn has_its_rows(folder: &Path) {
    let database = Database::open_to_read(folder, Options::of(&SPACES)).unwrap();
    assert_eq!(database.keyspace(0).get("apricot").unwrap(), Some(b"orange".to_vec()));
    assert_eq!(database.keyspace(0).get("banana").unwrap(), None);
    assert_eq!(database.snapshot().iter(&database.keyspace(0)).count(), 2);
    assert_eq!(database.snapshot().iter(&database.keyspace(1)).count(), 1);
}

#[test]
fn version_1_is_read() {
    has_its_rows(&frozen(1));
}

#[test]
fn version_2_is_read_and_written_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path(), Options::of(&SPACES)).unwrap();
    let mut batch = database.batch();
    let (fruit, other) = (database.keyspace(0), database.keyspace(1));
    batch.insert(&fruit, "apple", "red");
    batch.insert(&fruit, "apricot", "orange");
    batch.remove(&fruit, "banana");
    batch.insert(&other, [0, 0, 0, 7], []);
    batch.commit().unwrap();
    database.flush().unwrap();
    for path in [folder.path().join("manifest"), table_path(folder.path(), 1)] {
        let frozen = frozen(2).join(path.file_name().unwrap());
        if env::var_os("ROWS_TEST_WRITE").is_some() {
            fs::create_dir_all(frozen.parent().unwrap()).unwrap();
            fs::copy(&path, &frozen).unwrap();
        }
        assert!(fs::read(&path).unwrap() == fs::read(&frozen).unwrap(), "{} differs", frozen.display());
    }
    has_its_rows(&frozen(2));
}
