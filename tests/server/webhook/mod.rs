//! What a sender is answered.

mod table;
mod unavailable;
mod connections;
mod delivery_ids;
mod reorder_window;
mod stories;
