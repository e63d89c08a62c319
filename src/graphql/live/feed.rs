//! The last deliveries, read from the log once for all who follow it, and a signal for each source.
//!
//! It holds a bounded number of them. A subscriber further behind reads the log, by the projection's indexes where it
//! wants little of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{
    graphql::{
        scope::sent_bytes,
        step::{Reached, Wants},
    },
    log::{ChainedDelivery, Digest, Log, LogError, Position, SourceName},
    projection::{DeliveryFilter, Page, View},
};

use super::super::problem::Problem;

/// Deliveries at hand.
const RECENT_MAX: usize = 1024;
/// The bytes that senders sent with them.
const RECENT_BYTES_MAX: usize = 8 << 20;
/// Deliveries that are executed together.
const BATCH_MAX: usize = 64;
/// The bytes that senders sent with these; one alone may have more.
const BATCH_BYTES_MAX: usize = 128 << 10;
/// A delivery further ahead in the log than this is looked up; to a nearer one, we read on.
const READ_ON_MAX: u64 = 64;

/// The last deliveries, and the signals that there are more.
pub(super) struct Feed {
    recent: Mutex<Recent>,
    of_all: watch::Sender<Position>,
    of_sources: Mutex<HashMap<SourceName, watch::Sender<Position>>>,
}

/// Every delivery after `base`, up to `through`.
#[derive(Default)]
struct Recent {
    base: Position,
    through: Position,
    deliveries: VecDeque<Arc<ChainedDelivery>>,
    bytes: usize,
}

/// Wanted deliveries, and the position up to which there are no others.
pub(super) struct Batch {
    pub(super) deliveries: Vec<Arc<ChainedDelivery>>,
    pub(super) through: Position,
    bytes: usize,
}

impl Feed {
    pub(super) fn new() -> Feed {
        let (of_all, _) = watch::channel(Position::ZERO);
        Feed { recent: Mutex::default(), of_all, of_sources: Mutex::default() }
    }

    /// Before it runs: deliveries folded already are not at hand.
    pub(super) fn begin_at(&self, folded: Position) {
        self.recent().skip_to(folded);
    }

    /// Takes in what is folded, as long as the writer lives.
    pub(super) async fn run(self: Arc<Self>, log: Arc<dyn Log>, mut folded: watch::Receiver<Position>) {
        loop {
            let to = *folded.borrow_and_update();
            let (feed, log) = (Arc::clone(&self), Arc::clone(&log));
            let taken_in = tokio::task::spawn_blocking(move || feed.take_in(&*log, to));
            if taken_in.await.is_err() || folded.changed().await.is_err() {
                return;
            }
        }
    }

    fn take_in(&self, log: &dyn Log, to: Position) {
        let from = self.through();
        if to <= from {
            return;
        }
        // Of many deliveries at once, only the last would stay.
        let from = from.max(Position::new(to.get().saturating_sub(RECENT_MAX as u64)));
        let beyond =
            |entry: &Result<ChainedDelivery, _>| entry.as_ref().is_ok_and(|entry| entry.delivery.position > to);
        let before = self.recent().digest_at(from);
        let read = log.entries(from.next(), before);
        let deliveries = read.take_while(|entry| !beyond(entry)).collect::<Result<Vec<_>, _>>();
        let mut recent = self.recent();
        if recent.through < from {
            recent.skip_to(from);
        }
        match deliveries {
            Ok(deliveries) => deliveries.into_iter().for_each(|entry| recent.push(Arc::new(entry))),
            // Each follower then reads the log, meets the same error, and can report it to its reader.
            Err(_) => recent.skip_to(to),
        }
        let sources: Vec<SourceName> = recent.sources_after(from);
        let all = recent.base > from;
        drop(recent);
        self.of_all.send_replace(to);
        let of_sources = self.of_sources.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, sender) in of_sources.iter() {
            if all || sources.contains(source) {
                sender.send_replace(to);
            }
        }
    }

    /// Signals when there is more that may be wanted.
    pub(super) fn follow(&self, wants: &Wants) -> watch::Receiver<Position> {
        match wants.sources.as_ref().filter(|sources| sources.len() == 1).and_then(|sources| sources.first()) {
            None => self.of_all.subscribe(),
            Some(source) => {
                let mut of_sources = self.of_sources.lock().unwrap_or_else(PoisonError::into_inner);
                let sender = of_sources.entry(source.clone()).or_insert_with(|| watch::channel(Position::ZERO).0);
                sender.subscribe()
            }
        }
    }

    /// The wanted deliveries after a position; `None` where they are no longer at hand.
    pub(super) fn after(&self, position: Position, wants: &Wants) -> Option<Batch> {
        let recent = self.recent();
        let mut batch = Batch { deliveries: Vec::new(), through: position, bytes: 0 };
        if position >= recent.through {
            return Some(batch);
        }
        let skipped = position.get().checked_sub(recent.base.get())?;
        for entry in recent.deliveries.iter().skip(usize::try_from(skipped).ok()?) {
            if wants.includes(&entry.delivery) && !batch.take(Arc::clone(entry)) {
                return Some(batch);
            }
            batch.through = entry.delivery.position;
        }
        Some(batch)
    }

    /// Up to where deliveries have been taken in.
    pub(super) fn through(&self) -> Position {
        self.recent().through
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn skip_to(&mut self, position: Position) {
        *self = Recent { base: position, through: position, ..Recent::default() };
    }

    fn push(&mut self, entry: Arc<ChainedDelivery>) {
        if entry.delivery.position != self.through.next() {
            return;
        }
        self.through = entry.delivery.position;
        self.bytes += sent_bytes(&entry.delivery);
        self.deliveries.push_back(entry);
        while self.deliveries.len() > RECENT_MAX || self.bytes > RECENT_BYTES_MAX {
            let Some(oldest) = self.deliveries.pop_front() else { return };
            self.base = oldest.delivery.position;
            self.bytes -= sent_bytes(&oldest.delivery);
        }
    }

    /// The log's digest at a position, where that is the last one at hand.
    fn digest_at(&self, position: Position) -> Option<Digest> {
        self.deliveries.back().filter(|last| last.delivery.position == position).map(|last| last.digest)
    }

    fn sources_after(&self, position: Position) -> Vec<SourceName> {
        let new = self.deliveries.iter().rev().map(|entry| &entry.delivery);
        let new = new.take_while(|delivery| delivery.position > position);
        let mut sources: Vec<SourceName> = new.map(|delivery| delivery.source.clone()).collect();
        sources.sort();
        sources.dedup();
        sources
    }
}

impl Batch {
    /// Takes a delivery, unless it is full.
    fn take(&mut self, entry: Arc<ChainedDelivery>) -> bool {
        let bytes = self.bytes + sent_bytes(&entry.delivery);
        if self.deliveries.len() == BATCH_MAX || (bytes > BATCH_BYTES_MAX && !self.deliveries.is_empty()) {
            return false;
        }
        self.bytes = bytes;
        self.through = entry.delivery.position;
        self.deliveries.push(entry);
        true
    }

    /// Up to where it goes.
    pub(super) fn reached(&self) -> Reached {
        let through = Reached::from(self.through);
        self.deliveries.last().map_or(through, |last| through.max(Reached::from(&**last)))
    }
}

/// The wanted deliveries after a position, of those that a snapshot has folded, from the log.
pub(super) fn read_after(after: Reached, wants: &Wants, view: &View, log: &dyn Log) -> Result<Batch, Problem> {
    let position = after.position;
    let folded = view.checkpoint()?.position;
    let mut batch = Batch { deliveries: Vec::new(), through: position, bytes: 0 };
    if position >= folded {
        return Ok(batch);
    }
    if wants.sources.is_none() && wants.appointments.is_none() {
        for entry in log.entries(position.next(), after.digest) {
            let entry = entry?;
            if entry.delivery.position > folded || !batch.take(Arc::new(entry)) {
                return Ok(batch);
            }
        }
        return Ok(batch);
    }
    let positions = positions_after(position, wants, view)?;
    // Fewer than were asked for: there are no others.
    let all = positions.len() < BATCH_MAX;
    let mut read: Option<Box<dyn Iterator<Item = Result<ChainedDelivery, LogError>>>> = None;
    for wanted in positions {
        if batch.through.get() + READ_ON_MAX < wanted.get() {
            read = None;
        }
        let before = after.digest.filter(|_| wanted == position.next());
        let read = read.get_or_insert_with(|| log.entries(wanted, before));
        let is_it =
            |entry: &Result<ChainedDelivery, _>| entry.as_ref().map_or(true, |found| found.delivery.position >= wanted);
        let Some(entry) = read.find(is_it).transpose()? else { return Ok(batch) };
        if !batch.take(Arc::new(entry)) {
            return Ok(batch);
        }
    }
    if all {
        batch.through = folded;
    }
    Ok(batch)
}

/// The first positions after one, by the projection's indexes.
fn positions_after(position: Position, wants: &Wants, view: &View) -> Result<Vec<Position>, Problem> {
    let sources = match &wants.sources {
        Some(sources) => sources.iter().cloned().collect(),
        None => view.sources().cloned().collect(),
    };
    let page = Page { after: Some(position), before: None, limit: BATCH_MAX, from_end: false };
    let appointment_ids = wants.appointments.as_ref().map(|ids| ids.iter().copied().collect());
    let filter = DeliveryFilter { sources, appointment_ids, ..DeliveryFilter::default() };
    Ok(view.deliveries(&filter, &page)?.items)
}
