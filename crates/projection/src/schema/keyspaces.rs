//! The keyspaces on disk, and what each is used for. This is the one list of them; `keys.rs` has their rows, in the
//! same order.

use std::{
    collections::BTreeMap,
    ops::Index,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use clockfold_log::SourceName;
use clockfold_rows::{Database, Error, Keyspace, KeyspaceOptions, Options};

use crate::schema::keys::SourceNumber;

/// Rows are looked up by their keys.
const LOOKED_UP: KeyspaceOptions = KeyspaceOptions { is_looked_up: true, is_once: false };
/// Rows are only ever read by ranges, where a filter does not help.
const RANGES: KeyspaceOptions = KeyspaceOptions { is_looked_up: false, is_once: false };
/// The same for an order: no row is inserted that is there already.
const ORDER: KeyspaceOptions = KeyspaceOptions { is_looked_up: false, is_once: true };

macro_rules! keyspaces {
    ($($space:ident $name:literal $options:ident,)*) => {
        /// A keyspace. Its number, its place in the list, is on disk.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Space {
            $($space,)*
        }

        pub(crate) const SPACES: usize = Space::ALL.len();

        const OPTIONS: Options = Options::of(&[$($options,)*]);

        impl Space {
            pub(crate) const ALL: &[Space] = &[$(Space::$space,)*];

            /// Its name in messages.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Space::$space => $name,)*
                }
            }
        }
    };
}

keyspaces! {
    Meta "meta" LOOKED_UP,
    Sources "sources" LOOKED_UP,
    SourceIds "source_ids" LOOKED_UP,
    Appointments "appointments" LOOKED_UP,
    ById "by_id" RANGES,
    ByStatus "by_status" ORDER,
    ByFirst "by_first" ORDER,
    ByLast "by_last" ORDER,
    History "history" LOOKED_UP,
    Changes "changes" RANGES,
    Open "open" RANGES,
    ByOutcome "by_outcome" LOOKED_UP,
    Tallies "tallies" LOOKED_UP,
    DeliveryIds "delivery_ids" LOOKED_UP,
}

/// An open store.
pub(crate) struct Keyspaces {
    /// The sources whose rows are written: queries look them up all the time, and none ever goes.
    names: RwLock<Arc<Names>>,
    pub(crate) database: Database,
    keyspaces: [Keyspace; SPACES],
}

/// The sources that the log knows, by name.
pub(crate) type Names = BTreeMap<SourceName, SourceNumber>;

impl Keyspaces {
    pub(crate) fn open(path: &Path) -> Result<Keyspaces, Error> {
        Database::open(path, OPTIONS).map(Keyspaces::of)
    }

    pub(crate) fn open_to_read(path: &Path) -> Result<Keyspaces, Error> {
        Database::open_to_read(path, OPTIONS).map(Keyspaces::of)
    }

    fn of(database: Database) -> Keyspaces {
        let keyspaces = std::array::from_fn(|space| database.keyspace(space));
        Keyspaces { names: RwLock::default(), keyspaces, database }
    }

    /// The sources whose rows are written, or are about to be. Asked after a snapshot was taken, none of its sources is
    /// missing.
    pub(crate) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes sources known whose rows are written, or are about to be.
    pub(crate) fn name(&self, names: Names) {
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }
}

impl Index<Space> for Keyspaces {
    type Output = Keyspace;

    fn index(&self, space: Space) -> &Keyspace {
        &self.keyspaces[space as usize]
    }
}

pub(crate) fn source_number(index: usize) -> SourceNumber {
    SourceNumber(u32::try_from(index).expect("there are fewer than 2^32 sources"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_each_keyspace_are_told_in_the_order_of_the_list() {
        let rows = include_str!("keys.rs").lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
        let mut told: Vec<&str> = rows.collect();
        told.dedup();
        let names: Vec<&str> = Space::ALL.iter().map(|space| space.name()).collect();
        assert_eq!(told, names);
    }
}
