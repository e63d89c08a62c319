//! What leaves a log and comes back, and what is erased.

mod backup;
mod export;
mod retention;
mod erase_bodies;
mod archive;
