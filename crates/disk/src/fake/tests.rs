//! What the disk keeps and what it loses.

use std::{collections::BTreeSet, io::ErrorKind, path::Path};

use crate::{
    Disk, RealDisk,
    fake::{Failures, FakeDisk, Why, random::Random},
};

const FOLDER: &str = "/folder";

fn with_folder() -> FakeDisk {
    let disk = FakeDisk::empty();
    disk.create_folder(Path::new(FOLDER)).unwrap();
    disk.sync_folder(Path::new("/")).unwrap();
    disk
}

/// All that power cuts make of a file.
fn after_power_cuts(disk: &FakeDisk, path: &Path) -> BTreeSet<Option<Vec<u8>>> {
    let after = |seed| FakeDisk::of(disk.world().after_power_cut(&mut Random::of(seed))).read(path).ok();
    (0..2000).map(after).collect()
}

#[test]
fn what_is_synced_stays_and_what_is_not_may_go_by_the_sector() {
    let (disk, path) = (with_folder(), Path::new("/folder/file"));
    let mut file = disk.create(path).unwrap();
    file.append(&[1; 40]).unwrap();
    file.sync().unwrap();
    assert!(after_power_cuts(&disk, path).contains(&None), "its name is not synced");
    disk.sync_folder(Path::new(FOLDER)).unwrap();
    assert_eq!(after_power_cuts(&disk, path), BTreeSet::from([Some(vec![1; 40])]));
    file.append(&[2; 100]).unwrap();
    let found = after_power_cuts(&disk, path);
    assert!(found.iter().flatten().all(|bytes| bytes[..40] == [1; 40]));
    let has = |is: fn(&[u8]) -> bool| found.iter().flatten().any(|bytes| is(bytes));
    assert!(has(|bytes| bytes.len() == 40), "none of it");
    assert!(has(|bytes| bytes[40..] == [2; 100]), "all of it");
    assert!(has(|bytes| bytes.len() == 140 && bytes[40..64] != [2; 24] && bytes[64..96] == [2; 32]), "a later sector");
    assert!(has(|bytes| bytes.len() < 140 && bytes.len() % 32 != 0 && bytes.len() > 40), "a torn one");
}

#[test]
fn the_halves_of_a_rename_and_a_removal_come_each_or_not() {
    let (disk, path) = (with_folder(), |name: &str| Path::new(FOLDER).join(name));
    for name in ["old", "new"] {
        disk.create(&path(name)).unwrap().append(name.as_bytes()).unwrap();
        disk.open(&path(name)).unwrap().sync().unwrap();
    }
    disk.sync_folder(Path::new(FOLDER)).unwrap();
    disk.rename(&path("new"), &path("old")).unwrap();
    let found = after_power_cuts(&disk, &path("old"));
    assert_eq!(found, BTreeSet::from([Some(b"old".to_vec()), Some(b"new".to_vec())]));
    assert_eq!(after_power_cuts(&disk, &path("new")), BTreeSet::from([Some(b"new".to_vec()), None]));
    disk.sync_folder(Path::new(FOLDER)).unwrap();
    disk.remove(&path("old")).unwrap();
    assert_eq!(disk.read(&path("old")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(after_power_cuts(&disk, &path("old")).len(), 2);
}

#[test]
fn a_sync_that_failed_has_lost_what_it_was_to_write() {
    let (disk, path) = (with_folder(), Path::new("/folder/file"));
    let mut file = disk.create(path).unwrap();
    disk.sync_folder(Path::new(FOLDER)).unwrap();
    file.append(&[1; 10]).unwrap();
    let calls = disk.calls();
    disk.fail(Failures { calls: calls..calls + 1, why: Why::Broken });
    assert!(file.sync().is_err());
    file.append(&[2; 10]).unwrap();
    file.sync().unwrap();
    let found = after_power_cuts(&disk, path);
    assert!(found.iter().flatten().all(|bytes| bytes[10..] == [2; 10]));
    assert!(found.iter().flatten().any(|bytes| bytes[..10] != [1; 10]), "no later sync brings it back");
    assert_eq!(disk.read(path).unwrap()[..10], [1; 10], "and who reads it sees it all the same");
}

#[test]
fn a_name_that_something_has_is_not_given_again() {
    let folder = std::env::temp_dir().join(format!("clockfold-disk-{}", std::process::id()));
    let disks: [(&dyn Disk, &Path); 2] = [(&RealDisk, &folder), (&FakeDisk::empty(), Path::new(FOLDER))];
    for (disk, folder) in disks {
        disk.create_folder(folder).unwrap();
        let (new, free, taken) = (folder.join("new"), folder.join("free"), folder.join("taken"));
        for path in [&new, &taken] {
            disk.create(path).unwrap().append(path.as_os_str().as_encoded_bytes()).unwrap();
        }
        assert_eq!(disk.rename_new(&new, &taken).unwrap_err().kind(), ErrorKind::AlreadyExists, "{disk:?}");
        assert_eq!(disk.read(&taken).unwrap(), taken.as_os_str().as_encoded_bytes(), "{disk:?}");
        let id = disk.id_at(&new).unwrap();
        disk.rename_new(&new, &free).unwrap();
        assert!(disk.is_at(id, &free).unwrap() && !disk.is_at(id, &new).unwrap(), "{disk:?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
