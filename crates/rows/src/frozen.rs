//! Files as the first version wrote them: they are read for ever, or refused by a version of their own. The bytes are drawn
//! in the documentation of the formats. `ROWS_TEST_WRITE=1` writes them anew, after a change that means to.

use std::{env, fs, path::Path};

use crate::{Database, KeyspaceOptions, Options, store::manifest::table_path};

const SPACES: [KeyspaceOptions; 2] =
    [KeyspaceOptions { is_looked_up: true, is_once: false }, KeyspaceOptions { is_looked_up: false, is_once: false }];
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/version-1");

#[test]
fn the_files_of_version_1_are_read_and_written_as_they_were() {
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
        let frozen = Path::new(FOLDER).join(path.file_name().unwrap());
        if env::var_os("ROWS_TEST_WRITE").is_some() {
            fs::copy(&path, &frozen).unwrap();
        }
        assert!(fs::read(&path).unwrap() == fs::read(&frozen).unwrap(), "{} differs", frozen.display());
    }
    let database = Database::open_to_read(Path::new(FOLDER), Options::of(&SPACES)).unwrap();
    assert_eq!(database.keyspace(0).get("apricot").unwrap(), Some(b"orange".to_vec()));
    assert_eq!(database.keyspace(0).get("banana").unwrap(), None);
    assert_eq!(database.snapshot().iter(&database.keyspace(0)).count(), 2);
    assert_eq!(database.snapshot().iter(&database.keyspace(1)).count(), 1);
}
