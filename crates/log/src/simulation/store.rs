//! A store that keeps its contract and no more, on a disk in memory: each commit is a file of its own. Other tests try
//! sled itself on real files that lose power.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use clockfold_disk::Disk;

use crate::{
    LogError,
    files::{data_dir::storage, head::Head},
    record::{
        block::StoredGroup,
        delivery::Position,
        envelope::{DecodedGroup, decode},
    },
    store::{Store, missing},
};

const COMMIT: &str = "commit-";

pub(super) struct SimulatedStore {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    values: BTreeMap<Position, Vec<u8>>,
    /// The number of the last commit.
    commit: u64,
}

impl SimulatedStore {
    /// Opens what is in the folder; the last commit may have been interrupted. What is not there is made.
    pub(super) fn open_or_make(disk: Arc<dyn Disk>, folder: PathBuf) -> io::Result<SimulatedStore> {
        let mut commits = Vec::new();
        for path in disk.list(&folder)? {
            let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix(COMMIT)?.parse::<u64>().ok());
            commits.extend(number.map(|number| (number, path)));
        }
        commits.sort();
        let (mut state, mut broken) = (State::default(), None);
        for (number, path) in commits {
            assert!(broken.is_none(), "a commit follows a broken one");
            match parse(&disk.read_from_disk(&path)?) {
                Some(values) => {
                    state.values.extend(values);
                    state.commit = number;
                }
                None => broken = Some(path),
            }
        }
        if let Some(path) = broken {
            disk.remove(&path)?;
        }
        // As with sled, this file shows whether the folder is still the same.
        match disk.create(&folder.join("db")) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => disk.sync_folder(&folder)?,
        }
        Ok(SimulatedStore { disk, folder, state: Mutex::new(state) })
    }

    fn write(&self, number: u64, values: &[(Position, Vec<u8>)]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (first, value) in values {
            bytes.extend_from_slice(&first.get().to_le_bytes());
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            bytes.extend_from_slice(value);
        }
        let sum = crc32fast::hash(&bytes).to_le_bytes();
        let path = self.folder.join(format!("{COMMIT}{number:012}"));
        let mut file = self.disk.create(&path)?;
        file.append(&[&sum, &bytes[..]].concat())?;
        file.sync()?;
        self.disk.sync_folder(&self.folder)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The values of a commit, if it is whole.
fn parse(bytes: &[u8]) -> Option<Vec<(Position, Vec<u8>)>> {
    let (sum, mut rest) = bytes.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc32fast::hash(rest) || rest.is_empty() {
        return None;
    }
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (first, after) = rest.split_first_chunk::<8>()?;
        let (length, after) = after.split_first_chunk::<8>()?;
        let (value, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        values.push((Position::new(u64::from_le_bytes(*first)), value.to_vec()));
        rest = after;
    }
    Some(values)
}

fn decoded(first: Position, value: &[u8]) -> Result<DecodedGroup, LogError> {
    decode(first, value).map_err(|message| LogError::Corrupt { position: first, message })
}

fn failed(doing: &str, folder: &Path) -> impl Fn(io::Error) -> LogError {
    let doing = format!("{doing} {}", folder.display());
    move |error| storage(doing.clone(), error)
}

impl Store for SimulatedStore {
    fn commit(&self, values: Vec<(Position, Vec<u8>)>) -> Result<(), LogError> {
        let mut state = self.state();
        state.commit += 1;
        self.write(state.commit, &values).map_err(failed("writing to", &self.folder))?;
        state.values.extend(values);
        Ok(())
    }

    fn end(&self) -> Result<Head, LogError> {
        let state = self.state();
        let Some((first, value)) = state.values.last_key_value() else { return Ok(Head::EMPTY) };
        let group = decoded(*first, value)?;
        Ok(Head { position: group.deliveries.back().unwrap().position, digest: group.digest })
    }

    fn group_with(&self, position: Position) -> Result<(Position, DecodedGroup), LogError> {
        let state = self.state();
        let (first, value) = state.values.range(..=position).next_back().ok_or_else(|| missing(position))?;
        let group = decoded(*first, value)?;
        match group.deliveries.back() {
            Some(last) if last.position >= position => Ok((*first, group)),
            _ => Err(missing(position)),
        }
    }

    fn group_at(&self, position: Position) -> Result<DecodedGroup, LogError> {
        self.group_with(position).map(|(_, group)| group)
    }

    fn groups(&self, _after: Position, _to: Position) -> Result<Vec<StoredGroup>, LogError> {
        unreachable!("nobody reads blocks of a simulated log")
    }

    fn close(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}
