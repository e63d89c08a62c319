//! What readers ask.

mod types;
mod lists;
mod as_of;
mod explain;
mod patient_flow;
mod rejections;
mod board_csv;
mod clients;
mod audit;
mod fuzz;
