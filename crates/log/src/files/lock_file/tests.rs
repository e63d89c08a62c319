//! Who takes the lock, and what it finds in the file.

use std::fs;

use super::*;

const HOLDER: [&str; 2] = ["http://127.0.0.1:8080", "a-secret-of-this-start"];

fn locked(folder: &Path) -> DataDirLock {
    DataDirLock::take(folder, &folder.join("lock")).unwrap()
}

#[test]
fn whoever_takes_the_lock_next_keeps_what_lasts_and_wipes_out_what_the_holder_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let lock = locked(folder.path());
    assert_eq!(announced(&path), Some(Vec::new()));
    lock.announce(&HOLDER).unwrap();
    assert_eq!(announced(&path).unwrap(), HOLDER);
    lock.change_lasting(|lines| lines.push("key 0123".to_owned())).unwrap();
    assert_eq!(
        (lock.lasting(), announced(&path).unwrap()),
        (vec!["key 0123".to_owned()], HOLDER.map(str::to_owned).to_vec())
    );
    drop(lock);
    for _ in 0..2 {
        let lock = locked(folder.path());
        assert_eq!(announced(&path), Some(Vec::new()));
        assert!(!fs::read_to_string(&path).unwrap().contains(HOLDER[1]));
        assert_eq!(lock.lasting(), ["key 0123"]);
        lock.announce(&HOLDER).unwrap();
        assert_eq!(announced(&path).unwrap(), HOLDER);
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let lock = locked(folder.path());
    lock.announce(&HOLDER).unwrap();
    let shown = format!("{lock:?}");
    assert!(!shown.contains("0123") && !shown.contains("secret"), "{shown}");
}

#[test]
fn who_only_reads_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let to_read = || DataDirLock::take_to_read(folder.path(), &path).unwrap();
    let lock = to_read();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    drop(lock);
    assert!(!path.exists());
    let killed = "7\nhttp://127.0.0.1:8080\na-secret-of-this-start\nsession-key 00\nleft over";
    fs::write(&path, killed).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let lock = to_read();
    assert!(matches!(DataDirLock::take(folder.path(), &path), Err(LogError::InUse { .. })));
    assert_eq!(announced(&path), Some(Vec::new()), "the server that was killed is not asked");
    assert!(!format!("{lock:?}").contains("secret"));
    drop(lock);
    assert_eq!(fs::read_to_string(&path).unwrap(), killed);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn who_takes_the_lock_knows_whether_it_made_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    for was_there in [false, true] {
        assert_eq!(DataDirLock::taken(folder.path(), &path).unwrap().1, was_there);
    }
    fs::remove_file(&path).unwrap();
    let path = folder.path().join("nowhere/lock");
    assert!(matches!(DataDirLock::taken(folder.path(), &path), Err(LogError::Storage { .. })));
}

#[test]
fn what_half_a_write_left_is_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let holder = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        announced(&path).unwrap_or_default()
    };
    assert_eq!(holder(b"7\nhttp://127.0.0.1:8080\na-secret-of-this-start\n"), HOLDER);
    assert_eq!(holder(b"7\nhttp://127.0.0.1:8080\na-secret-of"), HOLDER[..1]);
    assert_eq!(holder(b"7\n"), [""; 0]);
    // The rest of a longer text, before it is cut off.
    assert_eq!(holder(b"7\nsession-key 00\nttp://127.0.0.1:8080\na-secret-of-this-start\n"), [""; 0]);
    let lasting = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        locked(folder.path()).lasting()
    };
    assert_eq!(lasting(b"7\nkey 00\nended 1"), ["key 00"]);
    assert_eq!(lasting(b"7\nsecret\nkey 00\nended 1\n"), ["key 00", "ended 1"]);
    for nothing in [&b""[..], b"7", b"7\nkey \xff\xfe\n", b"7\nkey 00"] {
        assert_eq!(lasting(nothing), [""; 0]);
    }
}
