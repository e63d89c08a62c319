//! The stores, a file each.

mod own;
mod lsm;
#[cfg(feature = "rocks")]
mod rocks;
mod fjall;
mod redb;

use std::path::Path;

use crate::store::{Budget, Fallible, Store};

type Open = fn(&Path, Budget) -> Fallible<Box<dyn Store>>;

/// A store that can be measured.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Opens what is in a folder, or makes an empty store there.
    pub(crate) open: Open,
}

/// All of them. The first one is ours, and the others are compared with it.
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "ours", open: own::open },
    Kind { name: "lsm-tree", open: lsm::open },
    #[cfg(feature = "rocks")]
    Kind { name: "rocksdb", open: rocks::open },
    Kind { name: "fjall", open: fjall::open },
    Kind { name: "redb", open: redb::open },
];

/// The store that is called so.
pub(crate) fn kind(name: &str) -> Fallible<Kind> {
    let kind = KINDS.iter().find(|kind| kind.name == name).copied();
    kind.ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        format!("no store is called {name}; there are: {} (rocksdb needs `--features rocks`)", known.join(", ")).into()
    })
}
