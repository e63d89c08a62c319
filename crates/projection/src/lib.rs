//! All appointments on disk, folded from the log, with the indexes that queries use.
//!
//! Deliveries come in as the log hands them back; rows and a checkpoint go to disk in one atomic
//! batch; [`View`]s answer queries from a snapshot. Restart, catch-up, rebuild and live traffic go
//! through the same [`Projection::apply`]. Keeps promise 6: it can be deleted at any time.

#[cfg(feature = "planted")]
pub mod planted;
#[cfg(not(feature = "planted"))]
mod planted;
mod error;
mod schema;
mod write;
mod view;
mod rebuild;

pub use error::{Cancelled, ProjectionError};
pub use rebuild::{
    Candidate, build_in_place_of,
    compare::{Differences, Report, Sample},
    compare_with_fresh_fold, open_as_it_is, open_to_read,
    progress::{Progress, RebuildResources, Stage},
    rebuild_beside,
    refold::{Arrived, Refolded},
    remove_old_projections, state_digest_of,
};
pub use schema::{
    appointment::AppointmentRecord,
    identity::{AppointmentKey, Checkpoint},
    rules::Rules,
    set_back::SetBack,
    tally::Tally,
};
pub use view::{
    DeliveryState, Page, PageOf, View,
    as_of::{AsOf, Moment},
    board::{
        BoardOf,
        cards::{Board, Card, Column},
        place::{BoardPlace, StaleRules},
    },
    deadline::{CancelGuard, Deadline},
    deliveries::{DeliveryFilter, HistoryEntry},
    filter::{AppointmentFilter, AppointmentOrderKey, IdPrefix, Order, OrderBy, Positions, Stretches, Times},
    flow::{Flow, Waits},
    not_applied::NotApplied,
    patterns::{Evidence, Pattern, REJECTIONS_MAX, Shown, WINDOW_TRIED},
};
pub use write::{
    apply::{Applied, Prepared},
    store::{Projection, Reader, Readers},
};
