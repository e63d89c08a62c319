//! The contract a second time, and what is told to it and to the real fold.

pub mod model;
pub mod histories;
pub mod deliveries;
pub mod folded;
pub mod story;
