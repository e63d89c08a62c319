//! The commands, as a person calls them.

mod basics;
mod show;
mod simulate;
mod demo;
mod owner;
mod beside_a_server;
