//! The board.

mod moves;
mod connection;
mod views;
mod wall;
mod filters;
mod keyboard;
mod large;
mod sign_in;
mod behind_a_proxy;
