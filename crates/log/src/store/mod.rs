//! Where deliveries are: the journal that makes them durable, memory while they are there alone, and sled.

pub(crate) mod read_ahead;
pub(crate) mod sled_store;
pub(crate) mod journal;
pub(crate) mod unflushed;
pub(crate) mod recovery;
pub(crate) mod checkpointer;
