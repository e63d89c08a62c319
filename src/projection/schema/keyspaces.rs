//! The keyspaces on disk: which there are, and what each is used for.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    log::SourceName,
    projection::{
        lsm::{self, Database, Keyspace},
        schema::keys::SourceNumber,
    },
};

/// What the store keeps of its files in memory.
const CACHE_BYTES: usize = 64 << 20;

/// What each keyspace is used for, in the order of [`Space`].
const KINDS: [lsm::Space; SPACES] = {
    const LOOKED_UP: lsm::Space = lsm::Space { is_looked_up: true, is_once: false };
    // Only ever read by ranges, where a filter does not help.
    const RANGES: lsm::Space = lsm::Space { is_looked_up: false, is_once: false };
    let mut kinds = [LOOKED_UP; SPACES];
    // An appointment is entered at a place when it comes to be there.
    const PLACES: lsm::Space = lsm::Space { is_looked_up: false, is_once: true };
    kinds[Space::ById as usize] = RANGES;
    kinds[Space::ByStatus as usize] = PLACES;
    kinds[Space::ByFirst as usize] = PLACES;
    kinds[Space::ByLast as usize] = PLACES;
    kinds[Space::Changes as usize] = RANGES;
    kinds[Space::Open as usize] = RANGES;
    kinds
};

/// A keyspace, in the order of [`Keyspaces::derived`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Meta,
    Sources,
    SourceIds,
    Appointments,
    ById,
    ByStatus,
    ByFirst,
    ByLast,
    History,
    Changes,
    Open,
    ByOutcome,
    Tallies,
    DeliveryIds,
}

pub(crate) const SPACES: usize = 14;

impl Space {
    pub(crate) const ALL: [Space; SPACES] = [
        Space::Meta,
        Space::Sources,
        Space::SourceIds,
        Space::Appointments,
        Space::ById,
        Space::ByStatus,
        Space::ByFirst,
        Space::ByLast,
        Space::History,
        Space::Changes,
        Space::Open,
        Space::ByOutcome,
        Space::Tallies,
        Space::DeliveryIds,
    ];

    /// The name of its keyspace.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Space::Meta => "meta",
            Space::Sources => "sources",
            Space::SourceIds => "source_ids",
            Space::Appointments => "appointments",
            Space::ById => "by_id",
            Space::ByStatus => "by_status",
            Space::ByFirst => "by_first",
            Space::ByLast => "by_last",
            Space::History => "history",
            Space::Changes => "changes",
            Space::Open => "open",
            Space::ByOutcome => "by_outcome",
            Space::Tallies => "tallies",
            Space::DeliveryIds => "delivery_ids",
        }
    }
}

pub(crate) struct Keyspaces {
    /// The sources whose rows are written: queries look them up all the time, and none ever goes.
    names: RwLock<Arc<Names>>,
    pub(crate) database: Database,
    pub(crate) meta: Keyspace,
    pub(crate) sources: Keyspace,
    pub(crate) source_ids: Keyspace,
    pub(crate) appointments: Keyspace,
    pub(crate) by_id: Keyspace,
    pub(crate) by_status: Keyspace,
    pub(crate) by_first: Keyspace,
    pub(crate) by_last: Keyspace,
    pub(crate) history: Keyspace,
    pub(crate) changes: Keyspace,
    pub(crate) open: Keyspace,
    pub(crate) by_outcome: Keyspace,
    pub(crate) tallies: Keyspace,
    pub(crate) delivery_ids: Keyspace,
}

/// The sources that the log knows, by name.
pub(crate) type Names = BTreeMap<SourceName, SourceNumber>;

impl Keyspaces {
    pub(crate) fn open(path: &Path) -> Result<Keyspaces, lsm::Error> {
        Database::open(path, &KINDS, CACHE_BYTES).map(Keyspaces::of)
    }

    pub(crate) fn open_to_read(path: &Path) -> Result<Keyspaces, lsm::Error> {
        Database::open_to_read(path, &KINDS, CACHE_BYTES).map(Keyspaces::of)
    }

    fn of(database: Database) -> Keyspaces {
        let keyspace = |space| database.keyspace(space as usize);
        Keyspaces {
            names: RwLock::default(),
            meta: keyspace(Space::Meta),
            sources: keyspace(Space::Sources),
            source_ids: keyspace(Space::SourceIds),
            appointments: keyspace(Space::Appointments),
            by_id: keyspace(Space::ById),
            by_status: keyspace(Space::ByStatus),
            by_first: keyspace(Space::ByFirst),
            by_last: keyspace(Space::ByLast),
            history: keyspace(Space::History),
            changes: keyspace(Space::Changes),
            open: keyspace(Space::Open),
            by_outcome: keyspace(Space::ByOutcome),
            tallies: keyspace(Space::Tallies),
            delivery_ids: keyspace(Space::DeliveryIds),
            database,
        }
    }

    /// The sources whose rows are written, or are about to be. Ask after a snapshot is taken, and none of it is missing.
    pub(crate) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes sources known whose rows are written, or are about to be.
    pub(crate) fn name(&self, names: Names) {
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    /// One keyspace.
    pub(crate) fn space(&self, space: Space) -> &Keyspace {
        self.derived()[space as usize]
    }

    /// Every keyspace whose rows follow from the log alone.
    pub(crate) fn derived(&self) -> [&Keyspace; SPACES] {
        [
            &self.meta,
            &self.sources,
            &self.source_ids,
            &self.appointments,
            &self.by_id,
            &self.by_status,
            &self.by_first,
            &self.by_last,
            &self.history,
            &self.changes,
            &self.open,
            &self.by_outcome,
            &self.tallies,
            &self.delivery_ids,
        ]
    }
}

pub(crate) fn source_number(index: usize) -> SourceNumber {
    SourceNumber(u32::try_from(index).expect("there are fewer than 2^32 sources"))
}
