//! The real fold, told in the words of the naive model, so that the two can be compared.
//!
//! In come rules and all deliveries of one appointment in log order; out comes what became of each and of the
//! appointment, with all that later deliveries changed about earlier ones.

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{Appointment, Arrival, Change, Fault, FoldRules, Judgement, Met, Status};

use super::model::{Judged, Sent, State};

/// The real fold's answer, in the model's words.
pub fn fold(rules: &FoldRules, sent: &[Sent]) -> State {
    let mut folding = Folding::new(rules);
    sent.iter().for_each(|delivery| folding.take(delivery));
    folding.state()
}

/// The real fold, as it goes on: one delivery after another.
#[derive(Clone)]
pub struct Folding<'a> {
    rules: &'a FoldRules,
    appointment: Appointment,
    judged: Vec<Judged>,
    arrivals_ms: Vec<i64>,
}

impl<'a> Folding<'a> {
    pub fn new(rules: &'a FoldRules) -> Folding<'a> {
        Folding { rules, appointment: Appointment::default(), judged: Vec::new(), arrivals_ms: Vec::new() }
    }

    pub fn take(&mut self, Sent { position, received_at_ms, event }: &Sent) {
        let reading = event.as_deref().ok_or(Fault::NotJson);
        // A body that can't be read names no appointment: it meets none.
        let mut none = Appointment::default();
        let meets = if event.is_some() { &mut self.appointment } else { &mut none };
        let arrival = Arrival { position: *position, received_at: time(*received_at_ms), reading };
        let folded = meets.fold(self.rules, arrival);
        assert_eq!(folded.status, meets.status());
        self.judged.push(tell(*position, &folded.judgement));
        self.arrivals_ms.push(*received_at_ms);
        for change in folded.changes {
            let (Change::Judged { position, .. } | Change::Moved { position, .. }) = change;
            let told = self.judged.iter_mut().find(|judged| judged.position == position).unwrap();
            match change {
                Change::Judged { judgement, .. } => *told = tell(position, &judgement),
                Change::Moved { before, after, .. } => (told.before, told.after) = (name(before), name(after)),
            }
        }
    }

    /// What became of everything.
    pub fn state(&self) -> State {
        let appointment = &self.appointment;
        let waiting: Vec<u64> = appointment.waiting().collect();
        let mut judged = self.judged.clone();
        for (told, arrival_ms) in judged.iter_mut().zip(&self.arrivals_ms) {
            let waits = waiting.contains(&told.position);
            told.reconsidered_until_ms = waits.then(|| arrival_ms + self.rules.reorder_window.num_milliseconds());
        }
        let standing = appointment.standing();
        State {
            status: name(appointment.status()),
            status_since_ms: appointment.status_since().map(|time| time.timestamp_millis()),
            standing: standing.map(|step| (step.step.event().name(), step.received_at.timestamp_millis())).collect(),
            reschedule_count: appointment.reschedule_count(),
            demographics_update_count: appointment.demographics_update_count(),
            judged,
            waiting,
        }
    }
}

fn tell(position: u64, judgement: &Judgement) -> Judged {
    Judged {
        position,
        outcome: judgement.verdict.outcome().name(),
        outcome_at_arrival: judgement.outcome_at_arrival().name(),
        late: judgement.late,
        applied_at: judgement.applied_at(),
        reconsidered_until_ms: None,
        before: name(judgement.before),
        after: name(judgement.after),
    }
}

fn name(met: Met) -> Option<&'static str> {
    met.map(Status::name)
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}
