//! Clockfold keeps every Clockwise.MD webhook in a durable log and folds them into each appointment's status.
//!
//! ```text
//! POST /webhook/…  ->  webhook  ->  log  ->  lifecycle  ->  projection  ->  graphql
//!                      who, what    durable   the fold       on disk         answers
//!                                   └────────── tracker: the single writer ──┘
//!                   retention  <-  log, projection: which bodies have had their time
//!                      copies  <-  log: what leaves it and comes back (exports, backups, the archive)
//!                   dashboard  ->  pages in the browser, which ask graphql
//! ```
//!
//! The log of deliveries, as they arrived, is the ground state; everything else is computed from it
//! and may be thrown away. Modules stand in the order in which a delivery meets them.

pub mod lifecycle;
pub mod log;
pub mod credential;
pub mod webhook;
pub mod simulate;
pub mod projection;
pub mod tracker;
pub mod retention;
pub mod copies;
pub mod graphql;
pub mod dashboard;
pub mod server;
pub mod config;
pub mod cli;
