//! The journal as the writer uses it, and the checkpointer behind it: a thread that makes the next file ahead of need
//! and writes the groups of a full one into the store.
//!
//! The thread does one thing after another: it makes the file after next only when the one before is checkpointed. So at
//! most two files' deliveries are not in the store yet, and a writer that is faster waits. An error there closes the
//! log for writing; the files stay as they are, and the next opening checkpoints them.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use clockfold_disk::Disk;

use crate::{
    LogError,
    files::data_dir::{Room, storage},
    opened::Opened,
    planted::planted,
    record::{
        delivery::{Body, Delivery, Position},
        envelope::{encode, encode_plain},
    },
    store::{
        Store,
        journal::{self, JournalFile, remove},
        options::Options,
        sled_store::SledStore,
        syncer::{Syncer, sync},
        unflushed::{ChainedDelivery, Group, Unflushed},
    },
};

/// How many bytes have to be free before a log that failed on a full disk is opened anew: a file of the journal, and a
/// segment of the store.
const ROOM_BYTES: usize = 12 << 20;

/// From how many deliveries on a group is worked on while it is synced. To wake another thread costs more than to fold
/// fewer.
const SYNCED_BESIDE_MIN: usize = 4;

/// Works on a group before it is read.
pub(crate) type Meanwhile<'a> = &'a mut dyn FnMut(&[ChainedDelivery]);

/// The journal as the one writer uses it.
pub(crate) struct Journal {
    opened: Arc<Opened>,
    folder: PathBuf,
    active: Option<JournalFile>,
    /// The number of the file that was asked for last.
    number: u64,
    /// Whether that one is still to be taken.
    asked: bool,
    made: mpsc::Receiver<JournalFile>,
    /// `None` once it is closed.
    tasks: Option<mpsc::Sender<Task>>,
    thread: Option<JoinHandle<()>>,
    /// Syncs while the writer works; a simulation has none.
    syncer: Option<Arc<Syncer>>,
    /// A simulation has it work step by step, in place of a thread.
    #[cfg(test)]
    stepped: std::cell::RefCell<Option<Worker>>,
}

/// What makes files and has them checkpointed.
struct Worker {
    opened: Arc<Opened>,
    folder: PathBuf,
    todo: mpsc::Receiver<Task>,
    made: mpsc::Sender<JournalFile>,
}

/// What the thread is asked to do.
enum Task {
    /// Make the file with this number.
    Make(u64),
    /// Write everything up to this position into the store, which is all that the file holds, and delete the file.
    Checkpoint(JournalFile, Position),
    /// Report that everything before is done.
    Tell(mpsc::Sender<()>),
}

impl Journal {
    /// A journal without a file, and its thread. The first file is made for the first group: reading a log needs none.
    pub(crate) fn start(opened: Arc<Opened>, folder: PathBuf) -> Result<Journal, LogError> {
        let (mut journal, worker) = Journal::with_worker(opened, folder);
        let thread = thread::Builder::new().name("checkpointer".to_owned()).spawn(move || worker.run());
        let failed = |error| storage("starting a thread".to_owned(), error);
        journal.thread = Some(thread.map_err(failed)?);
        journal.syncer = Some(Arc::new(Syncer::start().map_err(failed)?));
        Ok(journal)
    }

    fn with_worker(opened: Arc<Opened>, folder: PathBuf) -> (Journal, Worker) {
        let ((tasks, todo), (done, made)) = (mpsc::channel(), mpsc::channel());
        let worker = Worker { opened: Arc::clone(&opened), folder: folder.clone(), todo, made: done };
        let journal = Journal {
            opened,
            folder,
            active: None,
            number: 0,
            asked: false,
            made,
            tasks: Some(tasks),
            thread: None,
            syncer: None,
            #[cfg(test)]
            stepped: std::cell::RefCell::default(),
        };
        (journal, worker)
    }

    /// A journal without a thread: what it asks for is done by [`Journal::step`], or when it has to wait for it.
    #[cfg(test)]
    pub(crate) fn stepped(opened: Arc<Opened>, folder: PathBuf) -> Journal {
        let (journal, worker) = Journal::with_worker(opened, folder);
        journal.stepped.replace(Some(worker));
        journal
    }

    /// Does one thing that was asked for. `false` where there is none.
    #[cfg(test)]
    pub(crate) fn step(&self) -> bool {
        let mut stepped = self.stepped.borrow_mut();
        let Some(task) = stepped.as_ref().and_then(|worker| worker.todo.try_recv().ok()) else { return false };
        if stepped.as_ref().is_some_and(|worker| worker.perform(task).is_err()) {
            *stepped = None;
        }
        true
    }

    /// Makes a group durable that follows the head; from then on it is read. Before that, `meanwhile` gets it.
    pub(crate) fn append(&mut self, group: Group, meanwhile: Option<Meanwhile<'_>>) -> Result<(), LogError> {
        let value = encode_plain(group.entries().iter().map(|entry| &entry.delivery), group.end().digest);
        let opened = Arc::clone(&self.opened);
        let syncer = self.syncer.clone().filter(|_| group.entries().len() >= SYNCED_BESIDE_MIN);
        let file = self.file_for(value.len())?;
        let written = file.append(group.first(), &value, |file| match (meanwhile, syncer) {
            (Some(meanwhile), Some(syncer)) => syncer.sync(file, || meanwhile(group.entries())),
            (Some(meanwhile), None) => sync(&**file).inspect(|()| meanwhile(group.entries())),
            (None, _) => sync(&**file),
        });
        written.map_err(|error| storage(format!("writing to {}", file.path().display()), error))?;
        check_in_place(&opened, file)?;
        let is_half_full = file.is_half_full();
        opened.unflushed.push(group);
        if is_half_full { self.ask_for_next() } else { Ok(()) }
    }

    /// Makes the first file, where there is none.
    pub(crate) fn make_ready(&mut self) -> Result<(), LogError> {
        self.file_for(0).map(drop)
    }

    /// Waits until everything is in the store, and no file of the journal holds a delivery.
    pub(crate) fn drain(&mut self) -> Result<(), LogError> {
        self.hand_over()?;
        let (tell, told) = mpsc::channel();
        self.send(Task::Tell(tell))?;
        self.wait_for(&told)
    }

    /// Checkpoints everything and leaves no file, unless an error closed the log. Then those that hold something stay.
    pub(crate) fn close(mut self) -> Result<(), LogError> {
        let drained = self.opened.condition.check().and_then(|()| self.drain());
        drop(self.tasks.take());
        #[cfg(test)]
        while self.step() {}
        // A panic was logged when it happened.
        let _ = self.thread.take().map(JoinHandle::join);
        // A file that was made ahead of need holds nothing. It goes after an error too: it may stand in the directory of
        // another log by now.
        let left = self.made.try_iter().map(|file| remove_own(&self.opened, &self.folder, &file)).last();
        drained?;
        self.opened.condition.check()?;
        if let Some(Err(error)) = left {
            tracing::warn!(%error, "the journal's files could not be removed; the next start removes them");
        }
        Ok(())
    }

    /// The file that takes the next group: the active one, or a new one where the group does not fit.
    fn file_for(&mut self, value_bytes: usize) -> Result<&mut JournalFile, LogError> {
        let fits = |file: &JournalFile| file.is_empty() || file.has_room_for(value_bytes);
        if !self.active.as_ref().is_some_and(fits) {
            if !self.asked {
                // A file is made by its path, which may lead into another log by now.
                self.opened.check_files()?;
            }
            self.ask_for_next()?;
            let next = self.wait_for(&self.made)?;
            self.asked = false;
            // It was made by its path. We check what stands there before anything in it is acknowledged.
            if let Err(error) = self.opened.check_files() {
                let _ = remove_own(&self.opened, &self.folder, &next);
                return Err(error);
            }
            self.hand_over()?;
            self.active = Some(next);
        }
        Ok(self.active.as_mut().expect("it was put there"))
    }

    fn ask_for_next(&mut self) -> Result<(), LogError> {
        if self.asked {
            return Ok(());
        }
        self.asked = true;
        self.number += 1;
        self.send(Task::Make(self.number))
    }

    /// Has the active file checkpointed. What is in it ends at the head.
    fn hand_over(&mut self) -> Result<(), LogError> {
        let Some(full) = self.active.take() else { return Ok(()) };
        self.send(Task::Checkpoint(full, self.opened.head().position))
    }

    fn send(&self, task: Task) -> Result<(), LogError> {
        let sent = self.tasks.as_ref().and_then(|tasks| tasks.send(task).ok());
        sent.ok_or_else(|| self.stopped())
    }

    fn wait_for<T>(&self, done: &mpsc::Receiver<T>) -> Result<T, LogError> {
        #[cfg(test)]
        while self.step() {}
        done.recv().map_err(|_| self.stopped())
    }

    /// Why nothing is done any more.
    fn stopped(&self) -> LogError {
        let defect = || LogError::Closed("the journal's thread stopped at a defect".to_owned());
        self.opened.condition.check().err().unwrap_or_else(defect)
    }
}

impl Worker {
    fn run(self) {
        while let Ok(task) = self.todo.recv() {
            if self.perform(task).is_err() {
                return;
            }
        }
    }

    /// An error closes the log for writing.
    fn perform(&self, task: Task) -> Result<(), LogError> {
        let done = task.perform(&self.opened, &self.folder, &self.made);
        done.inspect_err(|error| self.opened.condition.fail(error))
    }
}

impl Task {
    fn perform(self, opened: &Opened, folder: &Path, made: &mpsc::Sender<JournalFile>) -> Result<(), LogError> {
        match self {
            Task::Make(number) => {
                let file = (opened.options.mark)().and_then(|mark| {
                    JournalFile::make(opened.disk(), folder, number, opened.options.journal_bytes, mark)
                });
                let file = file.map_err(|error| storage(format!("making a journal in {}", folder.display()), error))?;
                // A writer that no longer waits does not need it.
                let _ = made.send(file);
            }
            Task::Checkpoint(file, last) => {
                if planted!(FileRemovedBeforeCheckpoint) {
                    remove_own(opened, folder, &file)?;
                    return opened.checkpoint(last);
                }
                opened.checkpoint(last)?;
                remove_own(opened, folder, &file)?;
            }
            Task::Tell(done) => {
                let _ = done.send(());
            }
        }
        Ok(())
    }
}

/// An error where a file's path no longer leads to it.
fn check_in_place(opened: &Opened, file: &JournalFile) -> Result<(), LogError> {
    match file.is_in_place(opened.disk()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(opened.exchanged()),
        Err(error) => Err(storage(format!("looking at {}", file.path().display()), error)),
    }
}

/// Deletes a file of the journal, durably, and no other that stands in its place.
fn remove_own(opened: &Opened, folder: &Path, file: &JournalFile) -> Result<(), LogError> {
    check_in_place(opened, file)?;
    let removed = remove(opened.disk(), folder, &[file.path().to_owned()]);
    removed.map_err(|error| storage(format!("removing {}", file.path().display()), error))
}

/// Whether a log in `folder` can be written again, tried on a file of the journal that holds nothing and on the store's
/// own; before what is there is closed. Where the disk `was_full`, it makes sure of room too, by really taking it: what
/// a system calls free is not what this user may have, and some say nothing.
pub(crate) fn try_out(disk: &dyn Disk, folder: &Path, was_full: bool) -> Result<(), LogError> {
    let failed = |error| storage(format!("trying out {}", folder.display()), error);
    // Don't take the last bytes of a full disk from others each second.
    if was_full && Room::surely_free_at(folder).is_some_and(|free| free < ROOM_BYTES as u64) {
        return Err(failed(io::Error::from(io::ErrorKind::StorageFull)));
    }
    journal::try_out(disk, folder, if was_full { ROOM_BYTES } else { Options::USUAL.journal_bytes }).map_err(failed)?;
    SledStore::try_out(folder).map_err(failed)
}

/// Writes what is unflushed, up to `last`, into the store, as values of a good size.
pub(crate) fn checkpoint(
    store: &dyn Store,
    unflushed: &Unflushed,
    last: Position,
    options: &Options,
) -> Result<(), LogError> {
    let (first, groups) = unflushed.groups_up_to(last);
    let entries = groups.iter().flat_map(|group| group.entries());
    let entries: Vec<&ChainedDelivery> =
        entries.filter(|entry| (first..=last).contains(&entry.delivery.position)).collect();
    let mut rest = &entries[..];
    while !rest.is_empty() {
        let mut values = Vec::with_capacity(options.values_a_sync);
        let mut through = first;
        while let Some((dense, later)) = split_value(rest, options).filter(|_| values.len() < options.values_a_sync) {
            let (begin, end) = (dense[0].delivery.position, dense[dense.len() - 1]);
            values.push((begin, encode(dense.iter().map(|entry| &entry.delivery), end.digest)));
            (rest, through) = (later, end.delivery.position);
        }
        if planted!(CheckpointedBeforeCommit) {
            unflushed.checkpointed(through);
        }
        store.commit(values)?;
        unflushed.checkpointed(through);
    }
    Ok(())
}

/// The deliveries of the next value, and the rest; `None` where there are none.
fn split_value<'a, 'b>(
    entries: &'a [&'b ChainedDelivery],
    options: &Options,
) -> Option<(&'a [&'b ChainedDelivery], &'a [&'b ChainedDelivery])> {
    let mut bytes = 0;
    let fits = |entry: &&&ChainedDelivery| {
        bytes += weight(&entry.delivery);
        bytes <= options.value_bytes
    };
    let count = entries.iter().take(options.value_deliveries).take_while(fits).count().max(1);
    if entries.is_empty() { None } else { Some(entries.split_at(count)) }
}

fn weight(delivery: &Delivery) -> usize {
    let body = match &delivery.body {
        Body::Kept { bytes, .. } => bytes.len(),
        Body::Erased { .. } => 0,
    };
    body + delivery.reading.event_type().map_or(0, str::len) + delivery.delivery_id.as_ref().map_or(0, String::len)
}
