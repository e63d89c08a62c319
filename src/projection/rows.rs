//! Where the rows of a rebuild go. In each space they come in the order of their keys.

use super::{
    ProjectionError,
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

pub(super) const SPACES: usize = 13;

impl Space {
    pub(super) const ALL: [Space; SPACES] = [
        Space::Meta,
        Space::Sources,
        Space::SourceIds,
        Space::Appointments,
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

/// Writes rows to an empty store, without a journal.
pub(super) struct Ingest<'a> {
    spaces: Vec<Table<'a>>,
}

/// Takes the next row of one keyspace; `None` makes all of them readable. (The store does not name the type of what
/// takes rows, so it is kept as what it does.)
type Table<'a> = Box<dyn FnMut(Option<(&[u8], &[u8])>) -> fjall::Result<()> + 'a>;

impl<'a> Ingest<'a> {
    pub(super) fn into(store: &'a Keyspaces) -> Result<Ingest<'a>, ProjectionError> {
        let begin = |space: &'a fjall::Keyspace| {
            let mut table = Some(space.start_ingestion().map_err(|error| failed("rebuilding", error))?);
            let take: Table<'a> = Box::new(move |row| match (row, &mut table) {
                (Some((key, value)), Some(table)) => table.write(key, value),
                _ => table.take().map_or(Ok(()), |table| table.finish()),
            });
            Ok::<_, ProjectionError>(take)
        };
        Ok(Ingest { spaces: store.derived().into_iter().map(begin).collect::<Result<_, _>>()? })
    }

    /// Makes the rows readable.
    pub(super) fn finish(mut self) -> Result<(), ProjectionError> {
        self.spaces.iter_mut().try_for_each(|table| table(None).map_err(|error| failed("rebuilding", error)))
    }
}

impl Sink for Ingest<'_> {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError> {
        self.spaces[space as usize](Some((key, value))).map_err(|error| failed("rebuilding", error))
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
