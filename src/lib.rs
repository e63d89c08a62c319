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
//! The log of deliveries, as they arrived, is the ground state; everything else is computed from it and may be thrown
//! away. The core stands in packages of its own, which know nothing of their users; modules stand in the order in which
//! a delivery meets them.
//!
//! The program is `clockfold`, and [`cli::run`] is all of it. As a library, begin with the fold: rules and deliveries come in,
//! statuses go out, and time is an argument.
//!
//! ```
//! use chrono::{DateTime, TimeDelta};
//! use clockfold::lifecycle::{Appointment, Arrival, FoldRules, Lifecycle, Status};
//!
//! let rules = FoldRules { lifecycle: Lifecycle::strict(), reorder_window: TimeDelta::zero() };
//! let mut appointment = Appointment::default();
//! for (position, event) in [(1, "create"), (2, "checkin"), (3, "discharge"), (4, "ready")] {
//!     let folded = appointment.fold(&rules, Arrival { position, received_at: DateTime::UNIX_EPOCH, reading: Ok(event) });
//!     println!("{event}: {}", folded.judgement.verdict.outcome().name()); // the `ready` is REJECTED
//! }
//! assert_eq!(appointment.status(), Some(Status::Discharged));
//! ```
//!
//! | to | see |
//! |---|---|
//! | read or verify an export | [`copies::ndjson::Reader`], and [`log::Digest::then`] for the chain |
//! | open a log and read it | [`log::SledLog`], behind the interface [`log::Log`] |
//! | ask what is where, now or earlier | [`projection`] |
//! | read a configuration, or list its keys | [`config::Config::load`], [`config::TABLES`] |
//!
//! `examples/` has three small programs, and `docs/architecture.md` says what each part must not know.

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
