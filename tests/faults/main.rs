//! What goes wrong under the program: kills, power cuts, full disks and disks that fail.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed; its figures are for who asks"
)]

#[path = "../support/mod.rs"]
mod support;

mod durable_before_answer;
mod kill;
mod soak;
mod power_cut;
mod full_disk;
mod storage_faults;
mod moved_directory;
mod erase_durable;
mod erase_crash;
