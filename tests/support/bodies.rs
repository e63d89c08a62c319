//! Logs whose bodies can be told from one another on the disk, and a search of every file for what is left of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::{
    lifecycle::Fault,
    log::{Body, Delivery, NewDelivery},
};

use super::{
    arrival,
    copies::{append, contents},
    delivery_from,
    random::Random,
    unreadable,
};

/// A needle is found where this much of it, from anywhere within, stands in a file.
const WINDOW: usize = 12;
const GROUP_DELIVERIES: usize = 40;
/// What is looked at at once.
const BLOCK: usize = 4096;

/// A log with a mark in each body.
pub struct Marked {
    /// What the log held at first, by position.
    pub deliveries: Vec<Delivery>,
    /// Whether the body at this position is due before [`Marked::before`].
    pub due: Vec<bool>,
    marks: Vec<Vec<u8>>,
    /// A time that the last group comes after.
    pub before: DateTime<Utc>,
}

/// How an appointment of a marked log goes: its events, and what comes after the time.
const COURSES: [(&[&str], &[&str], bool); 6] = [
    // Ended: all of it is due.
    (&["create", "checkin", "ready", "callback", "discharge"], &[], true),
    (&["create", "remove", "ready", "unheard_of"], &[], true),
    // Open.
    (&["create", "checkin", "ready"], &[], false),
    // Ended, and touched again.
    (&["create", "checkin", "discharge"], &["demographics_update"], false),
    // Never came into being.
    (&["checkin", "ready"], &[], true),
    // Ended only afterwards.
    (&["create", "checkin"], &["discharge"], false),
];

impl Marked {
    /// Fills the log of a data directory with so many appointments of two sources, and some bodies that can't be read.
    pub fn make(data_dir: &Path, appointments: u64, seed: u64) -> Marked {
        let mut random = Random::new(seed);
        let (mut groups, mut marks, mut due) = (vec![Vec::new()], Vec::new(), Vec::new());
        let mut put = |groups: &mut Vec<Vec<NewDelivery>>, delivery: NewDelivery, is_due: bool| {
            let mark = mark(&mut random);
            let body = [&delivery.body[..], b" ", &mark].concat();
            groups.last_mut().unwrap().push(NewDelivery { body, ..delivery });
            marks.push(mark);
            due.push(is_due);
        };
        let source = |number: u64| if number.is_multiple_of(3) { "lakeside" } else { "downtown" };
        let course = |number: u64| COURSES[usize::try_from(number).unwrap() % COURSES.len()];
        for step in 0..5 {
            for number in 1..=appointments {
                let (events, _, is_due) = course(number);
                if let Some(event) = events.get(step) {
                    put(&mut groups, delivery_from(source(number), number, event), is_due);
                }
                if step == 2 && number.is_multiple_of(10) {
                    put(&mut groups, unreadable(source(number), Fault::NotJson, b"{"), true);
                }
                if groups.last().unwrap().len() >= GROUP_DELIVERIES {
                    groups.push(Vec::new());
                }
            }
        }
        let before = arrival() + TimeDelta::seconds(i64::try_from(groups.len()).unwrap());
        groups.push(Vec::new());
        for number in 1..=appointments {
            for event in course(number).1 {
                put(&mut groups, delivery_from(source(number), number, event), false);
            }
        }
        append(data_dir, groups);
        Marked { deliveries: contents(data_dir).0, due, marks, before }
    }

    /// The time as it is written.
    pub fn before(&self) -> String {
        self.before.to_rfc3339()
    }

    /// What the log has to hold after the erasing.
    pub fn without_bodies(&self) -> Vec<Delivery> {
        let without = |(delivery, due): (&Delivery, &bool)| match due {
            true => Delivery { body: Body::Erased { commitment: delivery.body.commitment() }, ..delivery.clone() },
            false => delivery.clone(),
        };
        self.deliveries.iter().zip(&self.due).map(without).collect()
    }

    /// How many bodies are due.
    pub fn count(&self) -> usize {
        self.due.iter().filter(|due| **due).count()
    }

    /// The positions of which a part of the mark or of the salt stands in any file below `folder`.
    pub fn found(&self, folder: &Path) -> BTreeSet<usize> {
        let mut needles: Vec<(usize, &[u8])> = Vec::new();
        for (index, (delivery, mark)) in self.deliveries.iter().zip(&self.marks).enumerate() {
            let Body::Kept { salt, .. } = &delivery.body else { panic!("it had a body") };
            needles.extend([(index, &mark[..]), (index, &salt[..])]);
        }
        search(folder, &needles)
    }

    /// Panics unless exactly the bodies that are not due are on the disk.
    pub fn check_gone(&self, folder: &Path) {
        let found = self.found(folder);
        let left: Vec<usize> = found.iter().copied().filter(|index| self.due[*index]).collect();
        assert!(left.is_empty(), "bodies or salts of {left:?} are still in {}", folder.display());
        let stay = self.due.iter().filter(|due| !**due).count();
        assert_eq!(found.len(), stay, "the search does not see what is there");
    }
}

/// What no compression can make smaller, and no JSON has to escape.
pub fn mark(random: &mut Random) -> Vec<u8> {
    let letter = |_| b'#' + u8::try_from(random.below(57)).unwrap();
    (0..48).map(letter).collect()
}

/// Which needles stand in a file, at least in part, by their numbers.
pub fn search(folder: &Path, needles: &[(usize, &[u8])]) -> BTreeSet<usize> {
    let mut windows: HashMap<&[u8], usize> = HashMap::new();
    let mut begins = vec![false; 1 << 16];
    for (number, needle) in needles {
        for window in needle.windows(WINDOW) {
            windows.insert(window, *number);
            begins[usize::from(u16::from_le_bytes([window[0], window[1]]))] = true;
        }
    }
    let mut found = BTreeSet::new();
    for path in files_below(folder) {
        let bytes = fs::read(&path).unwrap();
        for block in (0..bytes.len()).step_by(BLOCK) {
            let block = &bytes[block..bytes.len().min(block + BLOCK + WINDOW - 1)];
            // A store's file is mostly blank.
            if block == &[0; BLOCK + WINDOW][..block.len()] {
                continue;
            }
            for window in block.windows(WINDOW) {
                if begins[usize::from(u16::from_le_bytes([window[0], window[1]]))] {
                    found.extend(windows.get(window));
                }
            }
        }
    }
    found
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// A copy of a folder and all below it.
pub fn copy_all(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    super::run("cp", &["-a", from.to_str().unwrap(), to.to_str().unwrap()]);
}

/// The names at the top of a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The bytes of every file below a folder.
pub fn all_bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files_below(folder).into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}
