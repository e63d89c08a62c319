//! Where rows go. In each keyspace they come in the order of their keys.

use clockfold_log::Digest;
use clockfold_rows::Ingestion;

use crate::{
    error::ProjectionError,
    schema::keyspaces::{Keyspaces, SPACES, Space},
};

/// Takes rows.
pub(crate) trait Sink {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError>;
}

/// Writes rows to an empty store.
pub(crate) struct Ingest<'a> {
    store: &'a Keyspaces,
    ingestion: Ingestion,
}

impl<'a> Ingest<'a> {
    pub(crate) fn into(store: &'a Keyspaces) -> Result<Ingest<'a>, ProjectionError> {
        let ingestion = store.database.start_ingestion()?;
        Ok(Ingest { store, ingestion })
    }

    /// Makes the rows readable.
    pub(crate) fn finish(self) -> Result<(), ProjectionError> {
        self.ingestion.finish().map_err(ProjectionError::from)
    }
}

impl Sink for Ingest<'_> {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError> {
        self.ingestion.write(&self.store[space], key, value).map_err(ProjectionError::from)
    }
}

/// Computes the digest that a projection with these rows would have.
pub(crate) struct StateHasher {
    spaces: [blake3::Hasher; SPACES],
}

impl StateHasher {
    pub(crate) fn new() -> StateHasher {
        StateHasher { spaces: std::array::from_fn(|_| blake3::Hasher::new()) }
    }

    pub(crate) fn row(&mut self, space: Space, key: &[u8], value: &[u8]) {
        let hasher = &mut self.spaces[space as usize];
        for part in [key, value] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }

    /// The digest of all spaces' digests.
    pub(crate) fn finish(&self) -> Digest {
        let mut all = blake3::Hasher::new();
        for space in &self.spaces {
            all.update(space.finalize().as_bytes());
        }
        Digest::from_bytes(*all.finalize().as_bytes())
    }
}

impl Sink for StateHasher {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<(), ProjectionError> {
        self.row(space, key, value);
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
