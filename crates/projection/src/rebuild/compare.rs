//! What a rebuild changes: every row of a projection beside the row that a fresh fold makes, while it makes it.

use std::{cmp::Ordering, collections::BTreeMap};

use clockfold_lifecycle::{Appointment, Judgement};
use clockfold_log::{AppointmentId, Digest, Position, SourceName};
use clockfold_rows::{Guard, Iter, Key};

use crate::{
    error::ProjectionError,
    schema::{
        appointment::{AppointmentRecord, decode_appointment},
        identity::AppointmentKey,
        keys::{SourceNumber, decode_checkpoint, decode_source},
        keyspaces::{SPACES, Space, source_number},
        rules::Rules,
        set_back::SetBack,
        sink::{Sink, StateHasher},
    },
    view::View,
    write::store::Projection,
};

/// How many appointments a report shows.
const SAMPLES: usize = 10;

/// How a projection and a fresh fold of the same deliveries differ.
#[derive(Clone, Debug)]
pub struct Report {
    /// Up to which position both are folded.
    pub position: Position,
    /// By source: how many appointments there are, and how many differ.
    pub sources: BTreeMap<SourceName, Differences>,
    /// The first appointments that differ.
    pub samples: Vec<Sample>,
    /// By the name of a keyspace: how many rows differ. Those without a difference are left out.
    pub rows: BTreeMap<&'static str, u64>,
    /// Where the clock was set back, in the order of the log: arrival times go back there.
    pub set_backs: Vec<SetBack>,
    /// The state digest of the projection.
    pub before: Digest,
    /// The state digest of the fresh fold. It is the same where nothing differs, the rules included.
    pub after: Digest,
}

/// How the appointments of a source differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// How many appointments there are, in either.
    pub appointments: u64,
    /// How many differ in anything.
    pub changed: u64,
    /// How many have another status.
    pub statuses: u64,
    /// How many have other times of standing steps.
    pub times: u64,
    /// How many have deliveries with another outcome.
    pub outcomes: u64,
}

/// An appointment that differs.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Which one.
    pub key: AppointmentKey,
    /// As the projection has it; `None` where it has none, or can't read it.
    pub before: Option<AppointmentRecord>,
    /// As the fresh fold has it.
    pub after: Option<AppointmentRecord>,
}

impl Report {
    /// All sources together.
    pub fn total(&self) -> Differences {
        let mut total = Differences::default();
        for one in self.sources.values() {
            total.appointments += one.appointments;
            total.changed += one.changed;
            total.statuses += one.statuses;
            total.times += one.times;
            total.outcomes += one.outcomes;
        }
        total
    }

    /// Whether all appointments, deliveries and indexes are the same.
    pub fn is_equal(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Projection {
    /// The sources that `rules` fold otherwise than this projection has.
    pub fn folded_otherwise_by(&self, rules: &Rules) -> Vec<SourceName> {
        self.refolded(rules).into_iter().map(|(source, _)| source).collect()
    }

    /// The sources whose deliveries `rules` fold otherwise than this projection has.
    pub(crate) fn refolded(&self, rules: &Rules) -> Vec<(SourceName, SourceNumber)> {
        let sources = self.sources.iter().enumerate();
        let changed = sources.filter(|(_, row)| row.rules_digest != rules.digest_for(&row.name));
        changed.map(|(index, row)| (row.name.clone(), source_number(index))).collect()
    }
}

/// Takes the rows of a fresh fold and compares each with a snapshot's.
pub(crate) struct Compare {
    position: Position,
    old: Vec<OldRows>,
    hashers: (StateHasher, StateHasher),
    differing: [u64; SPACES],
    last_space: Space,
    /// The appointments of this stretch that differ.
    pending: BTreeMap<[u8; 12], Kinds>,
    by_number: BTreeMap<u32, Differences>,
    samples: Vec<([u8; 12], Pair)>,
    lesser_samples: Vec<([u8; 12], Pair)>,
    names: BTreeMap<u32, SourceName>,
}

/// A row's value before and after.
type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

/// How an appointment differs.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    status: bool,
    times: bool,
    outcomes: bool,
}

impl Compare {
    pub(crate) fn with(view: &View) -> Result<Compare, ProjectionError> {
        let rows = |space: &Space| OldRows::of(view.snapshot.iter(&view.store[*space]));
        let old = Space::ALL.iter().map(rows).collect::<Result<_, _>>()?;
        Ok(Compare {
            position: view.checkpoint()?.position,
            old,
            hashers: (StateHasher::new(), StateHasher::new()),
            differing: [0; SPACES],
            last_space: Space::Meta,
            pending: BTreeMap::new(),
            by_number: BTreeMap::new(),
            samples: Vec::new(),
            lesser_samples: Vec::new(),
            names: BTreeMap::new(),
        })
    }

    /// The report, once every row has come.
    pub(crate) fn report(mut self, set_backs: Vec<SetBack>) -> Result<Report, ProjectionError> {
        for space in Space::ALL.iter().copied() {
            while let Some((key, value)) = self.next_old(space)? {
                self.differs(space, &key, Some(&value), None);
            }
        }
        self.settle();
        let name = |number: &u32| self.names.get(number).cloned().ok_or(ProjectionError::Corrupt("source"));
        let mut sources = BTreeMap::new();
        for (number, differences) in &self.by_number {
            sources.insert(name(number)?, *differences);
        }
        let mut samples = Vec::new();
        for (key, (before, after)) in self.samples.iter().chain(&self.lesser_samples).take(SAMPLES) {
            let (number, id) = parts(key);
            let key = AppointmentKey {
                source: name(&number)?,
                appointment_id: AppointmentId::new(id).ok_or(ProjectionError::Corrupt("appointment"))?,
            };
            let decode =
                |bytes: &Option<Vec<u8>>| bytes.as_ref().and_then(|bytes| decode_appointment(key.clone(), bytes).ok());
            samples.push(Sample { before: decode(before), after: decode(after), key: key.clone() });
        }
        let rows = Space::ALL.iter().map(|space| (space.name(), self.differing[*space as usize]));
        let rows = rows.filter(|(_, rows)| *rows > 0);
        Ok(Report {
            position: self.position,
            sources,
            samples,
            rows: rows.collect(),
            set_backs,
            before: self.hashers.0.finish(),
            after: self.hashers.1.finish(),
        })
    }

    /// The next row of the snapshot.
    fn next_old(&mut self, space: Space) -> Result<Option<(Key, Vec<u8>)>, ProjectionError> {
        let row = self.old[space as usize].advance()?;
        if let Some((key, value)) = &row {
            self.hashers.0.row(space, key, value);
        }
        Ok(row)
    }

    fn differs(&mut self, space: Space, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        if by_the_rules_only(space, before, after) {
            return;
        }
        self.differing[space as usize] += 1;
        let appointment = key.first_chunk::<12>().copied();
        let (Some(appointment), Space::Appointments | Space::History) = (appointment, space) else { return };
        let more = match space {
            Space::History => Kinds { outcomes: true, ..Kinds::default() },
            _ => kinds_of(before, after),
        };
        // The memory of the reorder window differs wherever its length does; no answer shows it.
        if !(more.status || more.times || more.outcomes) {
            return;
        }
        let kinds = self.pending.entry(appointment).or_default();
        kinds.status |= more.status;
        kinds.times |= more.times;
        kinds.outcomes |= more.outcomes;
        if space == Space::History {
            return;
        }
        if more.status && after.is_none_or(|after| exists(after) == Some(false)) {
            // The new rows don't count it.
            self.by_number.entry(parts(&appointment).0).or_default().appointments += 1;
        }
        // Another status is what people look for first.
        let samples = if more.status { &mut self.samples } else { &mut self.lesser_samples };
        if samples.len() < SAMPLES {
            samples.push((appointment, (before.map(<[u8]>::to_vec), after.map(<[u8]>::to_vec))));
        }
    }

    /// Counts the appointments of a stretch, whose rows have all come.
    fn settle(&mut self) {
        for (key, kinds) in std::mem::take(&mut self.pending) {
            let differences = self.by_number.entry(parts(&key).0).or_default();
            differences.changed += 1;
            differences.statuses += u64::from(kinds.status);
            differences.times += u64::from(kinds.times);
            differences.outcomes += u64::from(kinds.outcomes);
        }
    }
}

impl Sink for Compare {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError> {
        if space == Space::Appointments && self.last_space != Space::Appointments {
            self.settle();
        }
        self.last_space = space;
        self.hashers.1.row(space, key, value);
        if space == Space::Sources
            && let (Some(number), Ok(row)) = (key.first_chunk::<4>(), decode_source(value))
        {
            let number = u32::from_be_bytes(*number);
            let of_statuses =
                clockfold_lifecycle::Status::ALL.into_iter().map(|status| row.counts.appointments(status));
            self.by_number.entry(number).or_default().appointments += of_statuses.sum::<u64>();
            self.names.insert(number, row.name);
        }
        loop {
            let old = self.old[space as usize].ahead.as_ref();
            let order = old.map_or(Ordering::Greater, |(old, _)| old[..].cmp(key));
            match order {
                Ordering::Greater => {
                    self.differs(space, key, None, Some(value));
                    return Ok(());
                }
                Ordering::Less => {
                    if let Some((old, before)) = self.next_old(space)? {
                        self.differs(space, &old, Some(&before), None);
                    }
                }
                Ordering::Equal => {
                    if let Some((_, before)) = self.next_old(space)?
                        && before[..] != *value
                    {
                        self.differs(space, key, Some(&before), Some(value));
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// The rows of a snapshot, of which the next one is known.
struct OldRows {
    rows: Iter,
    ahead: Option<(Key, Vec<u8>)>,
}

impl OldRows {
    fn of(rows: Iter) -> Result<OldRows, ProjectionError> {
        let mut rows = OldRows { rows, ahead: None };
        rows.advance()?;
        Ok(rows)
    }

    fn advance(&mut self) -> Result<Option<(Key, Vec<u8>)>, ProjectionError> {
        let next = self.rows.next().map(Guard::into_inner).transpose();
        Ok(std::mem::replace(&mut self.ahead, next?))
    }
}

/// Whether rows differ in nothing but the digest of the rules.
fn by_the_rules_only(space: Space, before: Option<&[u8]>, after: Option<&[u8]>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    match space {
        Space::Meta => match (decode_checkpoint(before), decode_checkpoint(after)) {
            (Ok(before), Ok(after)) => (before.position, before.digest) == (after.position, after.digest),
            _ => false,
        },
        Space::Sources => match (decode_source(before), decode_source(after)) {
            (Ok(before), Ok(after)) => (before.name, before.counts) == (after.name, after.counts),
            _ => false,
        },
        _ => false,
    }
}

/// The source's number and the appointment's id of a key.
fn parts(key: &[u8; 12]) -> (u32, u64) {
    let (source, id) = key.split_at(4);
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (u32::try_from(number(source)).expect("four bytes"), number(id))
}

/// Whether a row's appointment has come into being; `None` where the row can't be read.
fn exists(row: &[u8]) -> Option<bool> {
    decode(row).map(|record| record.appointment.status().is_some())
}

fn decode(row: &[u8]) -> Option<AppointmentRecord> {
    let source = "any".parse().ok()?;
    decode_appointment(AppointmentKey { source, appointment_id: AppointmentId::MIN }, row).ok()
}

/// How two rows of an appointment differ: in everything, where one is missing or can't be read.
fn kinds_of(before: Option<&[u8]>, after: Option<&[u8]>) -> Kinds {
    let (Some(before), Some(after)) = (before.and_then(decode), after.and_then(decode)) else {
        return Kinds { status: true, times: true, outcomes: true };
    };
    let times = |appointment: &Appointment| {
        let steps = appointment.standing().map(|standing| (standing.step, standing.received_at));
        (appointment.status_since(), steps.collect::<Vec<_>>())
    };
    let judgements = |record: &AppointmentRecord| -> Vec<(Position, Judgement)> {
        record.recent.iter().map(|entry| (entry.position, entry.judgement)).collect()
    };
    Kinds {
        status: before.appointment.status() != after.appointment.status(),
        times: times(&before.appointment) != times(&after.appointment),
        outcomes: judgements(&before) != judgements(&after),
    }
}
