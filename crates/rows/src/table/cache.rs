//! Blocks that were read, as many as fit into a bounded memory; shared by everybody who reads.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::table::{block::Block, section::SectionIndex};

/// Readers of different blocks rarely wait for each other.
const SHARDS: usize = 16;
/// What an entry costs beside its block.
const ENTRY_BYTES: usize = 128;

/// A table's number, and where in its file.
type Address = (u64, u64);

/// What tables keep in memory.
#[derive(Clone)]
pub(crate) enum Cached {
    Block(Arc<Block>),
    Index(Arc<SectionIndex>),
}

/// A cache that gives every block a second chance before it goes.
pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    slot_of: HashMap<Address, usize, BuildHasherDefault<AddressHasher>>,
    slots: Vec<Slot>,
    hand: usize,
    bytes: usize,
    bytes_max: usize,
}

/// Mixes the two numbers of an address. No stranger chooses them, so this need not resist one.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Slot {
    address: Address,
    cached: Cached,
    bytes: usize,
    used: bool,
}

impl Cache {
    pub(crate) fn of_bytes(bytes: usize) -> Cache {
        let shard = || Mutex::new(Shard { bytes_max: bytes / SHARDS, ..Shard::default() });
        Cache { shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }

    pub(crate) fn get(&self, address: Address) -> Option<Cached> {
        let mut shard = self.shard(address);
        let slot = *shard.slot_of.get(&address)?;
        let slot = &mut shard.slots[slot];
        slot.used = true;
        Some(slot.cached.clone())
    }

    pub(crate) fn put(&self, address: Address, cached: Cached) {
        let bytes = ENTRY_BYTES
            + match &cached {
                Cached::Block(block) => block.len(),
                Cached::Index(index) => index.memory_bytes(),
            };
        self.shard(address).put(Slot { address, cached, bytes, used: false });
    }

    fn shard(&self, (table, at): Address) -> MutexGuard<'_, Shard> {
        let mixed = (table ^ at.rotate_right(12)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let shard = usize::try_from(mixed).expect("32 bits") % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn put(&mut self, slot: Slot) {
        if slot.bytes > self.bytes_max || self.slot_of.contains_key(&slot.address) {
            return;
        }
        while self.bytes + slot.bytes > self.bytes_max {
            self.evict();
        }
        self.bytes += slot.bytes;
        self.slot_of.insert(slot.address, self.slots.len());
        self.slots.push(slot);
    }

    /// Removes the next one that was not used since the hand last came by.
    fn evict(&mut self) {
        loop {
            self.hand = if self.hand < self.slots.len() { self.hand } else { 0 };
            if !std::mem::take(&mut self.slots[self.hand].used) {
                break;
            }
            self.hand += 1;
        }
        let gone = self.slots.swap_remove(self.hand);
        self.bytes -= gone.bytes;
        self.slot_of.remove(&gone.address);
        if let Some(moved) = self.slots.get(self.hand) {
            self.slot_of.insert(moved.address, self.hand);
        }
        self.hand += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::block::BlockBuilder;

    fn block(byte: u8) -> Cached {
        let mut builder = BlockBuilder::default();
        builder.push(&[byte], Some(&[byte; 900]));
        let mut bytes = Vec::new();
        builder.finish(&mut bytes);
        Cached::Block(Arc::new(Block::checked(bytes).unwrap()))
    }

    #[test]
    fn it_stays_within_its_memory_and_keeps_what_is_used() {
        let cache = Cache::of_bytes(SHARDS * 20_000);
        let often = (1, 0);
        cache.put(often, block(7));
        for at in 1..5_000_u64 {
            cache.put((2, at * 4096), block(8));
            assert!(cache.get(often).is_some(), "lost after {at}");
        }
        for shard in &cache.shards {
            let shard = shard.lock().unwrap();
            assert!(shard.bytes <= 20_000 && !shard.slots.is_empty(), "{} bytes", shard.bytes);
            assert_eq!(shard.bytes, shard.slots.iter().map(|slot| slot.bytes).sum::<usize>());
            assert!(shard.slot_of.iter().all(|(address, slot)| shard.slots[*slot].address == *address));
            assert_eq!(shard.slot_of.len(), shard.slots.len());
        }
    }
}
