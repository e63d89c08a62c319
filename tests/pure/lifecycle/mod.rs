//! The fold of one appointment.

mod laws;
mod against_the_model;
mod table;
mod explain;
