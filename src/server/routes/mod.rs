//! One file for each route: it takes an HTTP request and asks the layers below.

pub(in crate::server) mod parameters;
pub(in crate::server) mod events;
pub(in crate::server) mod webhook;
pub(in crate::server) mod graphql;
pub(in crate::server) mod socket;
pub(in crate::server) mod sign_in;
pub(in crate::server) mod pages;
pub(in crate::server) mod log;
pub(in crate::server) mod feed;
pub(in crate::server) mod board_csv;
pub(in crate::server) mod operations;
