//! Corruption to a log, at random places: `verify` fails and says where, or every delivery reads back as it was.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clockfold::{
    lifecycle::Fault,
    log::{
        Body, DataDir, Delivery, Digest, Head, HeadFile, Log, Position, Reading, SledLog, decode_group, encode_group,
    },
};

use crate::support::{self, delivery_from, disk::store::open_store, random::Random, unreadable};

const TRIALS: [usize; 2] = [200, 1_000];
/// Every so many trials nothing is corrupt: then nothing may be said to be.
const UNDAMAGED_EVERY: usize = 20;

/// A log at rest, or as a kill leaves it.
struct Sample {
    name: &'static str,
    folder: tempfile::TempDir,
    deliveries: Vec<Delivery>,
}

impl Sample {
    fn new(name: &'static str, killed: bool) -> Sample {
        let (made, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let log = SledLog::open(&DataDir::at(made.path()), Arc::new(chrono::Utc::now)).unwrap();
        let mut random = Random::new(11);
        // Some of it in the store before the rest, so that a killed one has both.
        for _ in 0..120 {
            let one = |random: &mut Random| match random.below(12) {
                0 => {
                    let size = 1 + random.below(300);
                    unreadable("downtown", Fault::NotJson, random.letters(size).as_bytes())
                }
                _ => delivery_from("downtown", 1 + random.below(500), "create"),
            };
            let size = 1 + random.below(40);
            log.append((0..size).map(|_| one(&mut random)).collect()).unwrap();
        }
        let deliveries = log.read(Position::ZERO).collect::<Result<_, _>>().unwrap();
        if killed {
            // The head trails by at most a second: what was lost of the last moment nothing can tell.
            std::thread::sleep(std::time::Duration::from_millis(1_200));
            copy(made.path(), folder.path());
            drop(log);
        } else {
            drop(log);
            copy(made.path(), folder.path());
        }
        Sample { name, folder, deliveries }
    }

    fn copy(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        folder
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The log's files that hold something, with their sizes.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(DataDir::at(folder).log()).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<(PathBuf, u64)> = entries
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
        .filter(|(_, size)| *size > 0)
        .collect();
    files.sort();
    files
}

/// Where a file's last byte that is not zero stands: what comes after was only set aside.
fn used(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last as u64 + 1)
}

/// Damages the data directory in one of many ways, and tells how.
fn damage(folder: &Path, random: &mut Random) -> String {
    match random.below(10) {
        0..4 => flip(folder, random),
        4 => cut(folder, random),
        5 => records(folder, random, "a group dropped", |groups, random| {
            groups.remove(&some(groups, random));
        }),
        6 => records(folder, random, "two groups swapped", |groups, random| {
            let (one, other) = (some(groups, random), some(groups, random));
            let (first, second) = (groups[&one].clone(), groups[&other].clone());
            groups.insert(one, second);
            groups.insert(other, first);
        }),
        7 => records(folder, random, "a record replaced", |groups, random| {
            let place = some(groups, random);
            let group = decode_group(Position::new(place), &groups[&place]).unwrap();
            let mut deliveries: Vec<Delivery> = group.deliveries.into();
            let index = random.index(deliveries.len());
            let forged = &mut deliveries[index];
            match &mut forged.reading {
                Reading::Readable { event_type, .. } => *event_type = "discharge".into(),
                Reading::Unreadable(_) | Reading::ReadSince { .. } => {
                    forged.body = Body::Kept { salt: [7; 16], bytes: b"another".to_vec() }
                }
            }
            groups.insert(place, encode_group(&deliveries, group.digest));
        }),
        8 => records(folder, random, "a record dropped", |groups, random| {
            let place = some(groups, random);
            let group = decode_group(Position::new(place), &groups[&place]).unwrap();
            let mut deliveries: Vec<Delivery> = group.deliveries.into();
            if deliveries.len() > 1 {
                deliveries.remove(random.index(deliveries.len()));
                groups.insert(place, encode_group(&deliveries, group.digest));
            }
        }),
        _ => head(folder, random),
    }
}

fn flip(folder: &Path, random: &mut Random) -> String {
    let files = files(folder);
    let (path, _) = &files[random.index(files.len())];
    let mut bytes = fs::read(path).unwrap();
    let at = random.below(used(path));
    bytes[usize::try_from(at).unwrap()] ^= 1 << random.below(8);
    fs::write(path, bytes).unwrap();
    format!("a bit of {} flipped at {at}", path.file_name().unwrap().display())
}

fn cut(folder: &Path, random: &mut Random) -> String {
    let files = files(folder);
    let (path, _) = &files[random.index(files.len())];
    let length = random.below(used(path));
    fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
    format!("{} cut to {length}", path.file_name().unwrap().display())
}

fn some(groups: &BTreeMap<u64, Vec<u8>>, random: &mut Random) -> u64 {
    *groups.keys().nth(random.index(groups.len())).unwrap()
}

/// Changes groups in the store itself, with everything that the store checks made right. What is in the journal only is
/// left as it is.
fn records(
    folder: &Path,
    random: &mut Random,
    how: &str,
    change: impl FnOnce(&mut BTreeMap<u64, Vec<u8>>, &mut Random),
) -> String {
    // The journal is moved into the store by an open and a close.
    drop(SledLog::open(&DataDir::at(folder), Arc::new(chrono::Utc::now)).unwrap());
    let database = open_store(&DataDir::at(folder).log());
    let tree = database.open_tree("deliveries").unwrap();
    let mut groups = BTreeMap::new();
    for entry in &tree {
        let (key, value) = entry.unwrap();
        groups.insert(u64::from_be_bytes(key[..].try_into().unwrap()), value.to_vec());
    }
    change(&mut groups, random);
    tree.clear().unwrap();
    for (first, value) in groups {
        tree.insert(first.to_be_bytes(), value).unwrap();
    }
    database.flush().unwrap();
    how.to_owned()
}

fn head(folder: &Path, random: &mut Random) -> String {
    let data_dir = DataDir::at(folder);
    let remembered = HeadFile::of(&data_dir).read().unwrap().unwrap();
    let replaced = match random.below(4) {
        0 => Head { position: remembered.position.next(), ..remembered },
        1 => Head { digest: Digest::from_bytes([7; 32]), ..remembered },
        2 => Head { position: Position::new(1 + random.below(remembered.position.get())), ..remembered },
        _ => {
            fs::write(data_dir.head(), random.letters(40)).unwrap();
            return "the head overwritten".to_owned();
        }
    };
    HeadFile::of(&data_dir).write(replaced).unwrap();
    format!("the head replaced by {replaced:?}")
}

/// Exit status and everything that is printed.
fn verify(folder: &Path) -> (u8, String) {
    let arguments = ["clockfold", "verify", "--data-dir", folder.to_str().unwrap()];
    let variables = BTreeMap::from([("CLOCKFOLD_CONFIG".to_owned(), empty_configuration(folder))]);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = clockfold::cli::run(arguments, variables, Arc::new(chrono::Utc::now), &mut stdout, &mut stderr);
    (status, format!("{}{}", String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap()))
}

fn empty_configuration(folder: &Path) -> String {
    let path = folder.with_extension("toml");
    fs::write(&path, "").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn damage_is_found_or_does_no_harm() {
    let samples = [Sample::new("at rest", false), Sample::new("killed", true)];
    let mut random = Random::new(u64::from(std::process::id()));
    println!("seed {}", std::process::id());
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let trials = support::times(TRIALS[0], TRIALS[1]);
    for trial in 0..trials {
        let sample = &samples[trial % 2];
        let folder = sample.copy();
        let undamaged = trial % UNDAMAGED_EVERY < 2;
        let how = if undamaged { "nothing".to_owned() } else { damage(folder.path(), &mut random) };
        let (status, told) = verify(folder.path());
        let about = format!("trial {trial}, {}, {how}: {told}", sample.name);
        assert!(!undamaged || status == 0, "a false alarm: {about}");
        let kind = how.split(" at ").next().unwrap().split(" to ").next().unwrap().split(" by ").next().unwrap();
        let outcome = if status == 0 { "harmless" } else { "found" };
        *counts.entry((kind.to_owned(), outcome)).or_default() += 1;
        if status == 0 {
            let log = SledLog::open(&DataDir::at(folder.path()), Arc::new(chrono::Utc::now)).unwrap();
            let found: Vec<Delivery> = log.read(Position::ZERO).collect::<Result<_, _>>().unwrap();
            assert!(found == sample.deliveries, "not as it was: {about}");
        } else {
            assert_eq!(status, 1, "{about}");
            let says_where = ["at position", "ends at position", "can't be opened", "head file", "conf"];
            assert!(says_where.iter().any(|words| told.contains(words)), "says not where: {about}");
            assert!(told.contains("hint"), "no hint: {about}");
        }
        drop(folder);
    }
    for ((how, outcome), count) in &counts {
        println!("{count:4} {outcome}: {how}");
    }
    let found: usize = counts.iter().filter(|((_, outcome), _)| *outcome == "found").map(|(_, count)| count).sum();
    assert!(found > trials / 4, "only {found} were found");
}
