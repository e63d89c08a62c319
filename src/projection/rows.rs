//! Where the rows of a rebuild go. In each space they come in the order of their keys.

use super::{
    ProjectionError,
    lsm::{Ingestion, Keyspace},
    store::{Keyspaces, failed},
};

use crate::log::Digest;

/// A keyspace, in the order of [`Keyspaces::derived`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
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

pub(super) const SPACES: usize = 14;

impl Space {
    pub(super) const ALL: [Space; SPACES] = [
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
    pub(super) fn name(self) -> &'static str {
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

/// Takes rows.
pub(super) trait Sink {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError>;
}

/// Writes rows to an empty store.
pub(super) struct Ingest<'a> {
    spaces: [&'a Keyspace; SPACES],
    ingestion: Ingestion,
}

impl<'a> Ingest<'a> {
    pub(super) fn into(store: &'a Keyspaces) -> Result<Ingest<'a>, ProjectionError> {
        let ingestion = store.database.start_ingestion().map_err(|error| failed("rebuilding", error))?;
        Ok(Ingest { spaces: store.derived(), ingestion })
    }

    /// Makes the rows readable.
    pub(super) fn finish(self) -> Result<(), ProjectionError> {
        self.ingestion.finish().map_err(|error| failed("rebuilding", error))
    }
}

impl Sink for Ingest<'_> {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError> {
        self.ingestion.write(self.spaces[space as usize], key, value).map_err(|error| failed("rebuilding", error))
    }
}

/// Computes the digest that a projection with these rows has, without one.
pub(super) struct StateHasher {
    spaces: [blake3::Hasher; SPACES],
}

impl StateHasher {
    pub(super) fn new() -> StateHasher {
        StateHasher { spaces: std::array::from_fn(|_| blake3::Hasher::new()) }
    }

    pub(super) fn row(&mut self, space: usize, key: &[u8], value: &[u8]) {
        let hasher = &mut self.spaces[space];
        for part in [key, value] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }

    /// The digest: that of the spaces' own.
    pub(super) fn finish(&self) -> Digest {
        let mut all = blake3::Hasher::new();
        for space in &self.spaces {
            all.update(space.finalize().as_bytes());
        }
        Digest::from_bytes(*all.finalize().as_bytes())
    }
}

impl Sink for StateHasher {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError> {
        self.row(space as usize, key, value);
        Ok(())
    }
}

impl<A: Sink, B: Sink> Sink for (&mut A, &mut B) {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError> {
        self.0.put(space, key, value)?;
        self.1.put(space, key, value)
    }
}

/// Takes rows nowhere.
impl Sink for () {
    fn put(&mut self, _space: Space, _key: &[u8], _value: &[u8]) -> Result<(), ProjectionError> {
        Ok(())
    }
}
