//! One appointment from its booking to its end: which buttons are pressed, and when.
//!
//! The medians are those of urgent care, as its own reports and the vendor's help pages give them: 25 minutes from the
//! door to a room, a good half hour in the room, one of ten who does not come, three of a hundred who leave unseen.

use crate::lifecycle::EventType;

use super::{
    clinic::{Clinic, DAY, HOUR, MINUTE, SECOND},
    random::Random,
};

/// A button that is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Click {
    pub(super) at_ms: i64,
    pub(super) event: EventType,
}

/// An appointment that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Booking {
    /// The patient is here already.
    WalkIn,
    /// The patient is to come at this time.
    For(i64),
}

/// Writes one appointment's clicks.
pub(super) struct Visit<'a> {
    pub(super) clinic: &'a Clinic,
    pub(super) random: &'a mut Random,
    pub(super) clicks: &'a mut Vec<Click>,
}

impl Visit<'_> {
    /// All clicks of an appointment that is made at `made_at`, in the order of their times.
    pub(super) fn plan(mut self, made_at: i64, booking: Booking) {
        self.clicks.clear();
        self.click(made_at, EventType::Create);
        match booking {
            Booking::WalkIn => {
                let checkin = made_at + self.random.between(0, 90 * SECOND);
                self.visit(checkin);
            }
            Booking::For(visit_at) => {
                if let Some(arrives_at) = self.before(made_at, visit_at) {
                    self.visit(arrives_at);
                }
            }
        }
        self.clicks.sort_by_key(|click| click.at_ms);
    }

    /// Between booking and arrival. Returns when the patient comes, if so.
    fn before(&mut self, made_at: i64, mut visit_at: i64) -> Option<i64> {
        if self.random.chance(60) {
            let cancelled_at = self.random.between(made_at, visit_at);
            self.details(made_at, cancelled_at, &[500, 300, 200]);
            self.click(cancelled_at, EventType::Remove);
            if !self.random.chance(70) {
                return None;
            }
            // A mistake: staff find it again on the page of removed appointments.
            let restored_at = cancelled_at + self.wait(4 * MINUTE);
            self.click(restored_at, EventType::UndoRemove);
            return Some(visit_at.max(restored_at + MINUTE));
        }
        let booked_for = visit_at;
        for in_a_thousand in [220, 250] {
            if !self.random.chance(in_a_thousand) {
                break;
            }
            let moved_at = self.random.between(made_at, booked_for);
            self.click(moved_at, EventType::Reschedule);
            let days = if self.random.chance(250) { self.random.between(1, 4) * DAY } else { 0 };
            visit_at += days + self.random.between(15, 120) * MINUTE;
        }
        self.details(made_at, visit_at, &[200, 350, 300, 150]);
        if self.random.chance(90) {
            let given_up_at = visit_at + self.random.between(15, 60) * MINUTE;
            // One of ten stays on the list for ever.
            if self.random.chance(100) {
                return None;
            }
            self.click(given_up_at, EventType::Remove);
            if !self.random.chance(60) {
                return None;
            }
            let comes_after_all = given_up_at + self.wait(12 * MINUTE);
            self.click(comes_after_all, EventType::UndoRemove);
            return Some(comes_after_all + 20 * SECOND);
        }
        Some(made_at.max(visit_at + self.random.between(-20, 10) * MINUTE) + self.random.between(1, 59) * SECOND)
    }

    /// From the door to the end.
    fn visit(&mut self, arrives_at: i64) {
        let mut here_at = arrives_at;
        if !self.skips(15) {
            self.click(here_at, EventType::Checkin);
            if self.random.chance(15) {
                here_at = self.undone_and_done(here_at, EventType::UndoCheckin, EventType::Checkin, MINUTE);
            }
        }
        let registered_at = here_at + self.wait(6 * MINUTE);
        self.details(here_at, registered_at, &[100, 270, 300, 220, 110]);
        if self.random.chance(5) {
            self.click_after(here_at, 2 * MINUTE, EventType::Reschedule);
        }
        if self.random.chance(15) {
            self.click_after(here_at, 25 * MINUTE, EventType::Remove);
            return;
        }
        let mut waits_from = registered_at;
        if !self.skips(80) {
            self.click(registered_at, EventType::Ready);
            while self.random.chance(60) {
                waits_from = self.undone_and_done(waits_from, EventType::UndoReady, EventType::Ready, MINUTE);
            }
        }
        if self.random.chance(18) {
            self.click_after(waits_from, 40 * MINUTE, EventType::Remove);
            return;
        }
        self.room(waits_from);
    }

    /// From the waiting room to the end.
    fn room(&mut self, waits_from: i64) {
        // Staff who press both buttons at once, when the patient is called.
        let at_once = self.random.chance(60);
        let called = if at_once { self.random.between(1, 90) * SECOND } else { self.wait(15 * MINUTE) };
        let mut in_room_from = waits_from + called;
        if !self.skips(25) {
            self.click(in_room_from, EventType::Callback);
            if self.random.chance(30) {
                in_room_from =
                    self.undone_and_done(in_room_from, EventType::UndoCallback, EventType::Callback, 5 * MINUTE);
            }
            if self.random.chance(8) {
                // The second person of the same appointment.
                self.click_after(in_room_from, 5 * MINUTE, EventType::Callback);
            }
        }
        let mut over_at = in_room_from + self.wait(32 * MINUTE);
        if self.skips(20) {
            return;
        }
        let (midnight, _) = self.clinic.midnight(in_room_from);
        let closes_at = self.clinic.closes_at(midnight);
        if self.random.chance(40) && over_at < closes_at {
            // Forgotten, and found when the day is closed.
            over_at = closes_at + self.random.between(0, 40 * MINUTE);
        }
        self.click(over_at, EventType::Discharge);
        if self.random.chance(15) {
            over_at = self.undone_and_done(over_at, EventType::UndoDischarge, EventType::Discharge, 4 * MINUTE);
        }
        if self.random.chance(150) {
            self.click_after(over_at, HOUR, EventType::DemographicsUpdate);
        }
        if self.random.chance(3) {
            self.click_after(over_at, 20 * MINUTE, EventType::Remove);
        }
    }

    /// A button that is taken back and pressed again. Returns when it counts.
    fn undone_and_done(&mut self, done_at: i64, undo: EventType, again: EventType, median_ms: i64) -> i64 {
        let undone_at = done_at + self.wait(median_ms);
        let done_again_at = undone_at + self.wait(median_ms);
        self.click(undone_at, undo);
        self.click(done_again_at, again);
        done_again_at
    }

    /// Changes of detail somewhere between two times: how often none, one, two, … in a thousand.
    fn details(&mut self, from: i64, to: i64, how_often: &[u64]) {
        let mut drawn = self.random.below(1_000);
        for in_a_thousand in how_often {
            if drawn < *in_a_thousand {
                return;
            }
            drawn -= in_a_thousand;
            let at = self.random.between(from, to);
            self.click(at, EventType::DemographicsUpdate);
        }
    }

    /// Whether the staff skip a button; in the usual clinic it is skipped this often in a thousand.
    fn skips(&mut self, in_a_thousand: u64) -> bool {
        self.random.chance(in_a_thousand * self.clinic.carelessness / 1_000)
    }

    fn click_after(&mut self, from: i64, median_ms: i64, event: EventType) {
        let at_ms = from + self.wait(median_ms);
        self.click(at_ms, event);
    }

    fn wait(&mut self, median_ms: i64) -> i64 {
        self.random.wait(median_ms)
    }

    fn click(&mut self, at_ms: i64, event: EventType) {
        self.clicks.push(Click { at_ms, event });
    }
}
