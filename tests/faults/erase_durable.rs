//! Before the exchange everything of the new log is on stable storage, and the exchange is before the old one goes:
//! so a power cut leaves one of the two as well.

use std::{collections::BTreeMap, fs, process::Command};

use crate::support::{
    bodies::Marked,
    disk::trace::{CALLS, Call, parse},
    server::{CONFIG, command, data_dir},
};

#[test]
fn the_new_log_is_synced_before_the_exchange_and_the_exchange_before_the_old_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = data_dir(folder);
    let marked = Marked::make(&data, 300, 31);
    fs::write(data.join("log/first-source.toml"), "").unwrap();
    fs::write(folder.join("clockfold.toml"), CONFIG).unwrap();
    let mut strace = Command::new("strace");
    strace.current_dir(folder).args(["-f", "-ttt", "-y", "-xx", "-s", "64", "-o", "trace", "-e"]);
    strace.arg(format!("trace={CALLS}")).arg("--").arg(command(folder).get_program());
    strace.args(["erase-bodies", "--before", &marked.before(), "--data-dir"]).arg(&data);
    assert!(strace.output().unwrap().status.success());
    marked.check_gone(&data);
    let calls = parse(&fs::read_to_string(folder.join("trace")).unwrap());
    let exchanges: Vec<&Call> =
        calls.iter().filter(|call| call.arguments.contains("RENAME_EXCHANGE") && call.result == 0).collect();
    let [_tried_out, exchange] = exchanges[..] else { panic!("{} exchanges", exchanges.len()) };
    let erasing = data.join("erasing");
    let inside = format!("{}/log", erasing.display());

    // Each file of the new log: its last write, and a sync that begins after it.
    let mut unsynced: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.begin < exchange.begin && call.result >= 0) {
        let changes =
            ["pwrite64", "pwritev", "write", "writev", "ftruncate", "fallocate"].contains(&call.name.as_str());
        if changes && call.path().starts_with(&inside) {
            unsynced.insert(call.path(), call.end.unwrap());
        }
    }
    assert!(unsynced.keys().any(|path| path.ends_with("/db")) && unsynced.keys().any(|path| path.ends_with("/conf")));
    for (path, written) in unsynced {
        let synced = |call: &Call| call.is_sync() && call.path() == path && call.begin > written;
        // What was removed or renamed needs none: the journal and the remembered head.
        let is_there = data.join("log").join(path.rsplit('/').next().unwrap()).exists();
        assert!(!is_there || calls.iter().any(|call| synced(call) && call.done_before(exchange.begin)), "{path}");
    }
    let is_synced = |path: &str, from: usize, to: usize| {
        let synced = |call: &Call| call.is_sync() && call.path() == path && call.begin > from && call.done_before(to);
        assert!(calls.iter().any(synced), "{path} is not synced in time");
    };
    let (root, erasing) = (data.to_str().unwrap(), erasing.to_str().unwrap());
    for path in [&inside[..], erasing, root, &format!("{inside}/blobs")] {
        is_synced(path, 0, exchange.begin);
    }
    // The two folders that the names stand in, before anything of the old log is deleted.
    let deletes = |call: &&Call| call.name == "unlinkat" && call.begin > exchange.begin;
    let first = calls.iter().find(deletes).expect("the old log is deleted").begin;
    for path in [root, erasing] {
        is_synced(path, exchange.end.unwrap(), first);
    }
}
