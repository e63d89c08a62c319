//! Clockfold keeps every Clockwise.MD webhook in a durable log and folds them into each appointment's status.
//!
//! ```text
//! POST /webhook/…  ->  access, webhook  ->  log  ->  lifecycle  ->  projection  ->  graphql
//!                      who,    what         durable   the fold       on disk         answers
//!                                           └────────── tracker: the single writer ──┘
//!                   retention  <-  log, projection: which bodies have had their time
//!                      copies  <-  log: what leaves it and comes back (exports, backups, the archive)
//!                   dashboard  ->  pages in the browser, which ask graphql
//! ```
//!
//! The log of deliveries, as they arrived, is the ground state; everything else is computed from it
//! and may be thrown away. The core stands in packages of its own, which know nothing of whoever uses them; modules
//! stand in the order in which a delivery meets them.

pub use clockfold_copies as copies;
pub use clockfold_lifecycle as lifecycle;
pub use clockfold_log as log;
pub use clockfold_projection as projection;

pub mod access;
pub mod data_dir;
pub mod webhook;
pub mod simulate;
pub mod tracker;
pub mod retention;
pub mod graphql;
pub mod dashboard;
pub mod server;
pub mod config;
pub mod cli;
