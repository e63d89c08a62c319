//! Invented deliveries, and the batches of rows that the projection would write for them. All follows from the seed: after
//! so many batches a store has to hold exactly [`Traffic::rows`].
//!
//! At most [`OPEN`] appointments are open; a new one comes when one has left. A delivery is for one of them, but one in
//! [`LATE`] corrects any appointment that there ever was. An appointment leaves after [`VISIT`] deliveries.

use std::{collections::BTreeMap, ops::Deref};

use crate::{
    rows::SortedRows,
    store::{Batch, Space},
};

/// Deliveries that are written together.
pub(crate) const BATCH: u64 = 64;

const OPEN: usize = 400;
const LATE: u64 = 20;
const VISIT: u32 = 8;
/// One delivery in so many changes the status of its appointment.
const STATUS_CHANGE: u64 = 3;
const STATUSES: u8 = 6;
/// The first of them are open.
const STATUSES_OPEN: u8 = 4;
/// The status after a whole visit.
pub(crate) const ENDED: u8 = STATUSES - 1;
pub(crate) const SOURCES: u64 = 8;

/// When the first delivery arrives, in milliseconds since 1970, and how long it is to the next one.
const FIRST_TIME: u64 = 1_750_000_000_000;
const INTERVAL: u64 = 250;
/// The first appointment's number.
const FIRST_ID: u64 = 4_000_000;

/// What an appointment's row takes.
const VALUE_BYTES: usize = 140;
/// What its row of [`Space::ByLast`] takes while it is open.
const LAST_SEEN_BYTES: usize = 10;
const SOURCE_BYTES: usize = 60;
const CHECKPOINT_BYTES: usize = 80;

/// The first row of each batch is its source's and the last one its checkpoint: both say which batch it is.
pub(crate) const SOURCE_KEY: &[u8] = &[0, 0, 0, 1];
pub(crate) const CHECKPOINT_KEY: &[u8] = b"checkpoint";

pub(crate) struct Traffic {
    appointments: Vec<Appointment>,
    /// Those of them that are open, by their places.
    open: Vec<usize>,
    position: u64,
    batches: u64,
    random: Random,
}

/// What is known of an appointment.
#[derive(Clone, Copy)]
pub(crate) struct Appointment {
    /// Its place among all.
    place: u64,
    status: u8,
    deliveries: u32,
    /// When its first delivery and its last change of status arrived.
    first: u64,
    since: u64,
    /// The position of its last delivery.
    last: u64,
}

impl Traffic {
    /// Before the first delivery.
    pub(crate) fn of(seed: u64) -> Traffic {
        Traffic { appointments: Vec::new(), open: Vec::new(), position: 0, batches: 0, random: Random::of(seed) }
    }

    /// After the visits of so many appointments.
    pub(crate) fn after_visits(appointments: u64, seed: u64) -> Traffic {
        let visit = u64::from(VISIT);
        let appointment = |place: u64| Appointment {
            place,
            status: ENDED,
            deliveries: VISIT,
            first: time(place * visit + 1),
            since: time(place * visit + 6),
            last: (place + 1) * visit,
        };
        let appointments: Vec<Appointment> = (0..appointments).map(appointment).collect();
        Traffic { position: appointments.len() as u64 * visit, appointments, ..Traffic::of(seed) }
    }

    /// After so many batches more.
    pub(crate) fn after(mut self, batches: u64) -> Traffic {
        let mut batch = Batch::default();
        (0..batches).for_each(|_| self.fill(&mut batch));
        self
    }

    /// How many batches there were.
    pub(crate) fn batches(&self) -> u64 {
        self.batches
    }

    /// The position of the last delivery.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn appointments(&self) -> &[Appointment] {
        &self.appointments
    }

    /// All rows that there are now.
    pub(crate) fn rows(&self) -> SortedRows<'_> {
        SortedRows::of(self)
    }

    /// Takes the next deliveries, and puts into `batch` what changes for them.
    pub(crate) fn fill(&mut self, batch: &mut Batch) {
        batch.clear();
        self.batches += 1;
        batch.put(Space::Sources, SOURCE_KEY, &source_value(self.batches));
        let mut before: BTreeMap<usize, Option<Appointment>> = BTreeMap::new();
        for _ in 0..BATCH {
            self.position += 1;
            if self.open.len() < OPEN {
                before.insert(self.appointments.len(), None);
                self.begin();
            } else if self.random.below(LATE) == 0 {
                let place = self.random.place(self.appointments.len());
                before.entry(place).or_insert(Some(self.appointments[place]));
                self.deliver(place);
            } else {
                let among_open = self.random.place(OPEN);
                let place = self.open[among_open];
                before.entry(place).or_insert(Some(self.appointments[place]));
                self.deliver(place);
                if self.appointments[place].deliveries >= VISIT {
                    self.open.swap_remove(among_open);
                }
            }
        }
        for (place, before) in before {
            self.appointments[place].put(before, batch);
        }
        batch.put(Space::Meta, CHECKPOINT_KEY, &checkpoint_value(self.batches));
    }

    fn begin(&mut self) {
        let now = time(self.position);
        self.open.push(self.appointments.len());
        let place = self.appointments.len() as u64;
        let new = Appointment { place, status: 0, deliveries: 1, first: now, since: now, last: self.position };
        self.appointments.push(new);
    }

    fn deliver(&mut self, place: usize) {
        let is_change = self.random.below(STATUS_CHANGE) == 0;
        let appointment = &mut self.appointments[place];
        appointment.deliveries += 1;
        appointment.last = self.position;
        if is_change {
            appointment.status = (appointment.status + 1) % STATUSES;
            appointment.since = time(self.position);
        }
    }
}

impl Appointment {
    /// The keyspaces in which it has a row.
    pub(crate) const SPACES: [Space; 5] =
        [Space::Appointments, Space::ById, Space::ByStatus, Space::ByFirst, Space::ByLast];

    /// The key of its row in one of [`Appointment::SPACES`].
    pub(crate) fn key(&self, space: Space) -> Key {
        let source = Key::default().u32(self.source());
        let id = FIRST_ID + self.place;
        match space {
            Space::Appointments => source.u64(id),
            Space::ById => Key::default().u64(id).u32(self.source()),
            Space::ByStatus => source.u8(self.status).u64(self.since).u64(id),
            Space::ByFirst => source.u64(self.first).u64(id),
            Space::ByLast => source.u8(self.status).u64(self.last).u64(id),
            Space::Sources | Space::Meta => unreachable!("no appointment has a row there"),
        }
    }

    /// The value of its row in one of [`Appointment::SPACES`]: most rows are keys alone.
    pub(crate) fn value(&self, space: Space) -> Vec<u8> {
        match space {
            Space::Appointments => self.own_value().to_vec(),
            Space::ByLast if self.status < STATUSES_OPEN => self.last_seen().to_vec(),
            _ => Vec::new(),
        }
    }

    /// As many bytes as the projection takes for when the last delivery arrived, and how long before it the status began.
    fn last_seen(&self) -> [u8; LAST_SEEN_BYTES] {
        let mut value = [0; LAST_SEEN_BYTES];
        value[..6].copy_from_slice(&time(self.last).to_be_bytes()[2..]);
        value[6..].copy_from_slice(&(time(self.last) - self.since).to_be_bytes()[4..]);
        value
    }

    /// What stands in its own row.
    fn own_value(&self) -> [u8; VALUE_BYTES] {
        let mut value = [0; VALUE_BYTES];
        value[..8].copy_from_slice(&self.last.to_be_bytes());
        value[8..16].copy_from_slice(&self.first.to_be_bytes());
        let mut noise = Random::of(self.last ^ self.place << 32);
        for part in value[16..].chunks_mut(8) {
            part.copy_from_slice(&noise.next().to_le_bytes()[..part.len()]);
        }
        value
    }

    /// Whether these are the bytes of its row, by the figures at their beginning.
    pub(crate) fn is_told_by(&self, value: &[u8]) -> bool {
        let (last, first) = (self.last.to_be_bytes(), self.first.to_be_bytes());
        value.len() == VALUE_BYTES && value[..8] == last && value[8..16] == first
    }

    fn source(&self) -> u32 {
        u32::try_from(1 + self.place % SOURCES).expect("there are few sources")
    }

    /// Writes what became of it since `before`; `None` is before its first delivery.
    fn put(&self, before: Option<Appointment>, batch: &mut Batch) {
        for space in Appointment::SPACES {
            let (old, new) = (before.map(|before| before.key(space)), self.key(space));
            if space == Space::Appointments {
                batch.put(space, &new, &self.value(space));
            } else if old != Some(new) {
                if let Some(old) = old {
                    batch.remove(space, &old);
                }
                batch.put(space, &new, &self.value(space));
            }
        }
    }
}

pub(crate) fn source_value(batch: u64) -> [u8; SOURCE_BYTES] {
    numbered(batch)
}

pub(crate) fn checkpoint_value(batch: u64) -> [u8; CHECKPOINT_BYTES] {
    numbered(batch)
}

/// Which batch wrote a source's row or a checkpoint.
pub(crate) fn batch_of(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |number| u64::from_be_bytes(*number))
}

fn numbered<const BYTES: usize>(batch: u64) -> [u8; BYTES] {
    let mut value = [0xa5; BYTES];
    value[..8].copy_from_slice(&batch.to_be_bytes());
    value
}

/// When the delivery at a position arrives.
fn time(position: u64) -> u64 {
    FIRST_TIME + position * INTERVAL
}

/// A row's key. Two of one keyspace are of the same length, so they order as their bytes do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    bytes: [u8; 21],
    length: usize,
}

impl Key {
    pub(crate) fn u8(self, number: u8) -> Key {
        self.then([number])
    }

    pub(crate) fn u32(self, number: u32) -> Key {
        self.then(number.to_be_bytes())
    }

    pub(crate) fn u64(self, number: u64) -> Key {
        self.then(number.to_be_bytes())
    }

    fn then<const BYTES: usize>(mut self, bytes: [u8; BYTES]) -> Key {
        self.bytes[self.length..self.length + BYTES].copy_from_slice(&bytes);
        self.length += BYTES;
        self
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Numbers that follow from a seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn of(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).expect("it is below `end`")
    }

    /// One of so many places.
    pub(crate) fn place(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("it is below `count`")
    }
}
