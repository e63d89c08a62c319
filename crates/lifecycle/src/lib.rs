//! The pure core: what each event does to an appointment.
//!
//! Readings of deliveries come in, verdicts and statuses go out. There is no I/O here, no clock
//! and no JSON: time is an argument. The fold is total, it never fails and never panics.
//! `schema/lifecycle.md` prints the table that this module holds.

mod event;
mod status;
mod table;
mod outcome;
mod window;
mod appointment;
mod fold;
mod place;
mod reach;
mod explain;
mod cause;
mod print;

pub use appointment::{Appointment, Parts, Standing};
pub use event::{EventKind, EventType, Step, StepSet};
pub use explain::Explanation;
pub use fold::{Arrival, Change, FoldRules, Folded, Judgement, Reconsidered};
pub use outcome::{Code, Fault, Outcome, Verdict};
pub use print::{markdown, mermaid, table as print_table};
pub use reach::{Obstacle, obstacles};
pub use status::{Met, MetSet, Status};
pub use table::{Lifecycle, UnknownLifecycle};
pub use window::{Applied, Place, STANDSTILL_MAX, Waiting, Window};

/// The version of the fold's rules. It is part of the rules digest: raise it when the same log
/// would fold to something else, and every projection is rebuilt.
pub const FOLD_VERSION: u32 = 2;

/// The version of what counts as readable. It is part of the rules digest too: raise it when a body that could not be
/// read can be, and every projection is rebuilt with what the better reader reads in old bodies.
///
/// 2: a byte order mark before the JSON is read over.
pub const READER_VERSION: u32 = 2;
