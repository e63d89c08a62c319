//! What an appointment remembers for the reorder window: where a late delivery could be put, and what waits.
//!
//! A place is a gap between two applied deliveries, as they count. There may be thousands within a window, yet only
//! seven matter: a late event is applied at a place, or not, by the status there; and the less follows, the more easily
//! it stays applied. So for each status the *last* place with it is remembered, together with what was applied since:
//! the oldest arrival (may it be overtaken?) and the steps that were done or undone (would they have been repeats?).
//! Where the standing steps of a place still stand, the next standing step follows it, and nothing else after the place
//! ever meets its status: that step is the one delivery whose judgement the late one can spoil. One delivery therefore
//! costs the same however much there is within the window.
//!
//! Time is that of the deliveries themselves. Where the machine's clock was set back it goes back with it, and
//! nobody knows how much passed: a delivery that arrived more than [`STANDSTILL_MAX`] before an earlier one of
//! the appointment closes every window that is open.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    event::{EventType, Step, StepSet},
    status::Met,
};

/// How far the machine's clock may be behind the last arrival time, which then stands still. Where it was set back by
/// more, they go back with it.
pub const STANDSTILL_MAX: TimeDelta = TimeDelta::seconds(60);

/// How many deliveries of an appointment may wait; the earliest then stays REJECTED.
pub(super) const WAITING_MAX: usize = 16;

/// What an appointment remembers for the reorder window; empty without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The last place with each status, in the order of the places. The last of them is the end.
    pub places: Vec<Place>,
    /// The delivery that follows the first place, as long as that is within reach.
    pub first: Option<Applied>,
    /// Deliveries that were applied where no step stood, or left none standing, as long as the first place is within
    /// reach; only kept for a lifecycle in which a step begins an appointment and is not applied from SCHEDULED.
    pub bottom: Vec<Applied>,
    /// What is REJECTED for now, earliest first.
    pub waiting: Vec<Waiting>,
    /// The newest arrival since a delivery last closed every window; `None` before the first.
    pub newest: Option<DateTime<Utc>>,
}

/// The last place with a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The status there.
    pub met: Met,
    /// The oldest arrival among what was applied since; `None` where nothing was.
    pub oldest: Option<DateTime<Utc>>,
    /// The steps that were done or undone since.
    pub steps: StepSet,
}

/// An applied delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its position.
    pub position: u64,
    /// Its event.
    pub event: EventType,
}

/// A delivery that is REJECTED for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its position.
    pub position: u64,
    /// Its event.
    pub event: EventType,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
}

impl Place {
    /// Something was applied after this place.
    pub(super) fn passed_by(&mut self, received_at: DateTime<Utc>, step: Option<Step>) {
        self.oldest = Some(self.oldest.map_or(received_at, |oldest| oldest.min(received_at)));
        if let Some(step) = step {
            self.steps.insert(step);
        }
    }
}

impl Window {
    /// Takes note of an arrival at `now`: forgets places that no delivery can reach from then on, and deliveries that
    /// have waited long enough.
    pub(super) fn expire(&mut self, now: DateTime<Utc>, length: TimeDelta) {
        let mut newest = self.newest.map_or(now, |newest| newest.max(now));
        if newest - now > STANDSTILL_MAX {
            // Every place but the end is before something that arrived earlier.
            self.places.retain(|place| place.oldest.is_none());
            self.waiting.clear();
            newest = now;
        }
        self.newest = Some(newest);
        self.waiting.retain(|waiting| now - waiting.received_at <= length);
        // A delivery that comes now, or still waits, arrived at most a window or a standstill before the newest, and
        // may overtake those that arrived up to a window before itself.
        let reach = length.checked_add(&length.max(STANDSTILL_MAX)).unwrap_or(TimeDelta::MAX);
        self.places.retain(|place| place.oldest.is_none_or(|oldest| newest - oldest <= reach));
        if self.places.first().is_none_or(|place| place.met.is_some()) {
            self.first = None;
            self.bottom.clear();
        }
    }

    /// Lets a delivery wait; the earliest gives way where too many do.
    pub(super) fn wait(&mut self, waiting: Waiting) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.remove(0);
        }
        self.waiting.push(waiting);
    }

    /// The place before the first applied delivery, while it is within reach.
    pub(super) fn reaches_the_first(&self) -> bool {
        self.places.first().is_some_and(|place| place.met.is_none())
    }

    /// Something was applied at the end, and the status is `after` now.
    pub(super) fn appended(&mut self, met: Met, after: Met, received_at: DateTime<Utc>, step: Option<Step>) {
        if self.places.is_empty() {
            self.places.push(Place { met, oldest: None, steps: StepSet::default() });
        }
        self.places.iter_mut().for_each(|place| place.passed_by(received_at, step));
        self.places.retain(|place| place.met != after);
        self.places.push(Place { met: after, oldest: None, steps: StepSet::default() });
    }
}
