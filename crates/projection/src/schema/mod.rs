//! What a row is: the keys, what stands under them, and the keyspaces they stand in.

pub(crate) mod identity;
pub(crate) mod rules;
pub(crate) mod set_back;
pub(crate) mod keys;
pub(crate) mod appointment;
pub(crate) mod orders;
pub(crate) mod changes;
pub(crate) mod tally;
pub(crate) mod keyspaces;
pub(crate) mod sink;
