//! The contract of the fold a second time, as plainly as it can be said: the oracle of the differential tests.
//!
//! In come a table, a window and all deliveries of one appointment in log order; out comes what became of each and of
//! the appointment. It keeps a list of what was applied and reads everything else off that list, from its first
//! element, for every single judgement. It shares no code and no type with the fold it is compared with: only then is
//! an agreement of the two worth something. Speed is no aim.

/// For each of the 8 events that are not undos, the statuses ("NONE", "SCHEDULED", ...) that it is applied from.
#[derive(Clone, Debug)]
pub struct Table {
    pub rows: Vec<(&'static str, Vec<&'static str>)>,
}

/// A delivery as the log has it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub position: u64,
    pub received_at_ms: i64,
    /// None: the body could not be read, so it names no appointment either.
    pub event: Option<String>,
}

/// What became of a delivery. The statuses are None where there is no appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub position: u64,
    /// As it is after the last delivery.
    pub outcome: &'static str,
    /// As it was when the delivery itself had been processed.
    pub outcome_at_arrival: &'static str,
    /// It was placed before others that had been applied.
    pub late: bool,
    /// The delivery whose processing had this one applied, where that is a later one.
    pub applied_at: Option<u64>,
    /// Some exactly while it waits.
    pub reconsidered_until_ms: Option<i64>,
    /// Around its place among the applied deliveries; for others the status that it met, twice.
    pub before: Option<&'static str>,
    pub after: Option<&'static str>,
}

/// What became of the appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// None: there is no appointment.
    pub status: Option<&'static str>,
    pub status_since_ms: Option<i64>,
    /// The steps that stand, as events, with their own arrival times, in order.
    pub standing: Vec<(&'static str, i64)>,
    pub reschedule_count: u32,
    pub demographics_update_count: u32,
    /// One for each delivery, in log order.
    pub judged: Vec<Judged>,
    /// The positions that still wait, earliest first.
    pub waiting: Vec<u64>,
}

/// Folds all deliveries of ONE appointment, in log order.
pub fn fold(table: &Table, window_ms: i64, sent: &[Sent]) -> State {
    folding(table, window_ms, sent).state()
}

/// The positions of what is applied after all deliveries of ONE appointment, in the order of the places.
pub fn order(table: &Table, window_ms: i64, sent: &[Sent]) -> Vec<u64> {
    folding(table, window_ms, sent).applied.iter().map(|delivery| delivery.position).collect()
}

fn folding<'a>(table: &'a Table, window_ms: i64, sent: &[Sent]) -> Folding<'a> {
    let mut folding = Folding::new(table, window_ms);
    for delivery in sent {
        folding.take(delivery);
    }
    folding
}

impl Table {
    pub fn strict() -> Table {
        let rows = vec![
            ("create", vec!["NONE"]),
            ("reschedule", vec!["SCHEDULED", "CHECKED_IN", "READY"]),
            ("demographics_update", vec!["SCHEDULED", "CHECKED_IN", "READY", "CALLED_BACK", "DISCHARGED", "REMOVED"]),
            ("checkin", vec!["SCHEDULED"]),
            ("ready", vec!["CHECKED_IN"]),
            ("callback", vec!["CHECKED_IN", "READY"]),
            ("discharge", vec!["CHECKED_IN", "READY", "CALLED_BACK"]),
            ("remove", vec!["SCHEDULED", "CHECKED_IN", "READY", "CALLED_BACK", "DISCHARGED"]),
        ];
        Table { rows }
    }

    /// Walk-ins stand in the queue without a `checkin`.
    pub fn walk_in() -> Table {
        Table::strict().and_from("SCHEDULED", &["ready", "callback", "discharge"])
    }

    /// For a source switched on in mid-stream: any step or detail may be the first that is heard of an appointment.
    pub fn lenient() -> Table {
        Table::walk_in().and_from(
            "NONE",
            &["reschedule", "demographics_update", "checkin", "ready", "callback", "discharge", "remove"],
        )
    }

    fn and_from(mut self, status: &'static str, events: &[&str]) -> Table {
        for (event, statuses) in &mut self.rows {
            if events.contains(event) {
                statuses.push(status);
            }
        }
        self
    }

    fn applies(&self, event: &str, status: &str) -> bool {
        self.rows.iter().any(|(row, statuses)| *row == event && statuses.contains(&status))
    }
}

/// The steps, and the status while each is the last that stands.
const STEPS: [(&str, &str); 6] = [
    ("create", "SCHEDULED"),
    ("checkin", "CHECKED_IN"),
    ("ready", "READY"),
    ("callback", "CALLED_BACK"),
    ("discharge", "DISCHARGED"),
    ("remove", "REMOVED"),
];
/// There is no `undo_create`.
const UNDOS: [&str; 5] = ["undo_checkin", "undo_ready", "undo_callback", "undo_discharge", "undo_remove"];
const DETAILS: [&str; 2] = ["reschedule", "demographics_update"];
/// How many may wait.
const WAITING_MAX: usize = 16;
/// A delivery that arrived more than this before an earlier one is outside every window with it.
const BACK_MAX_MS: i64 = 60_000;

/// A delivery of one of the 13 events.
#[derive(Clone, Copy)]
struct Delivery {
    position: u64,
    event: &'static str,
    received_at_ms: i64,
    /// How often the clock had been set back before it arrived, as far as the appointment's deliveries tell.
    set_backs: u32,
}

/// A fold that goes on: one delivery after another.
#[derive(Clone)]
pub struct Folding<'a> {
    table: &'a Table,
    window_ms: i64,
    /// In the order of their places, which is not that of their arrival where one was placed before others.
    applied: Vec<Delivery>,
    /// In the order of their arrival.
    waiting: Vec<Delivery>,
    judged: Vec<Judged>,
    /// The newest arrival since the clock was last set back.
    newest_ms: i64,
    set_backs: u32,
}

impl<'a> Folding<'a> {
    pub fn new(table: &'a Table, window_ms: i64) -> Folding<'a> {
        let (applied, waiting, judged) = (Vec::new(), Vec::new(), Vec::new());
        Folding { table, window_ms, applied, waiting, judged, newest_ms: i64::MIN, set_backs: 0 }
    }

    pub fn take(&mut self, sent: &Sent) {
        let Some(name) = &sent.event else {
            // It names no appointment, so it is not this one's either: nothing expires, and it met no status.
            self.record(sent.position, "UNREADABLE", None);
            return;
        };
        // Whatever else it is, it shows that this much time has passed in the log.
        self.expire(sent.received_at_ms);
        let met = status(&self.applied);
        let Some(event) = known(name) else {
            self.record(sent.position, "UNRECOGNIZED", met);
            return;
        };
        let Folding { set_backs, .. } = *self;
        let delivery = Delivery { position: sent.position, event, received_at_ms: sent.received_at_ms, set_backs };
        let (outcome, late) = self.judge(delivery);
        self.record(sent.position, outcome, met).late = late;
        match outcome {
            "APPLIED" => while self.settle_one(sent.position) {},
            "REJECTED" => self.wait(delivery),
            _ => {}
        }
    }

    /// Judges a delivery at the end and then, if it would be REJECTED, at the places before it. What is APPLIED is in
    /// the list afterwards. The second answer is whether it was placed before others.
    fn judge(&mut self, delivery: Delivery) -> (&'static str, bool) {
        match verdict(self.table, &self.applied, delivery.event) {
            "APPLIED" => {
                self.applied.push(delivery);
                ("APPLIED", false)
            }
            "REJECTED" if self.place(delivery) => ("APPLIED", true),
            outcome => (outcome, false),
        }
    }

    /// Puts a delivery at the latest place that will have it. With a window of 0 there is no placing, not even among
    /// deliveries of the same millisecond.
    fn place(&mut self, delivery: Delivery) -> bool {
        if self.window_ms == 0 {
            return false;
        }
        for place in (0..self.applied.len()).rev() {
            // Every place from here on overtakes this one too.
            let overtaken = self.applied[place];
            if delivery.received_at_ms - overtaken.received_at_ms > self.window_ms
                || delivery.set_backs != overtaken.set_backs
            {
                return false;
            }
            let mut tried = self.applied.clone();
            tried.insert(place, delivery);
            if replay(self.table, &tried).is_some() {
                self.applied = tried;
                return true;
            }
        }
        false
    }

    /// With a window of 0 nothing waits: a rejection is final.
    fn wait(&mut self, delivery: Delivery) {
        if self.window_ms == 0 {
            return;
        }
        self.waiting.push(delivery);
        if self.waiting.len() > WAITING_MAX {
            self.waiting.remove(0);
        }
    }

    /// What has waited for more than the window stays REJECTED for good, and so does what waited when the clock was set
    /// back: nobody knows for how long that was.
    fn expire(&mut self, now_ms: i64) {
        if now_ms < self.newest_ms.saturating_sub(BACK_MAX_MS) {
            self.set_backs += 1;
            self.newest_ms = now_ms;
        }
        self.newest_ms = self.newest_ms.max(now_ms);
        let (window_ms, set_backs) = (self.window_ms, self.set_backs);
        let waits = |waiting: &Delivery| now_ms - waiting.received_at_ms <= window_ms && waiting.set_backs == set_backs;
        self.waiting.retain(waits);
    }

    /// Settles the earliest waiting delivery that is no longer REJECTED; `newcomer` is the one whose arrival set this
    /// off. False: there is nothing to settle.
    ///
    /// The contract starts again after each that is applied; this does so after a DUPLICATE too, which is the same,
    /// since a repeat changes nothing that the earlier ones could meet.
    fn settle_one(&mut self, newcomer: u64) -> bool {
        for index in 0..self.waiting.len() {
            let delivery = self.waiting[index];
            let met = status(&self.applied);
            let (outcome, late) = self.judge(delivery);
            if outcome == "REJECTED" {
                // It keeps the statuses of its arrival.
                continue;
            }
            self.waiting.remove(index);
            let judged = self.judged_at(delivery.position);
            judged.outcome = outcome;
            judged.late = late;
            judged.applied_at = (outcome == "APPLIED").then_some(newcomer);
            judged.before = met;
            judged.after = met;
            return true;
        }
        false
    }

    /// Records an outcome at arrival. The statuses around what was APPLIED are filled in at the end.
    fn record(&mut self, position: u64, outcome: &'static str, met: Option<&'static str>) -> &mut Judged {
        self.judged.push(Judged {
            position,
            outcome,
            outcome_at_arrival: outcome,
            late: false,
            applied_at: None,
            reconsidered_until_ms: None,
            before: met,
            after: met,
        });
        self.judged_at(position)
    }

    fn judged_at(&mut self, position: u64) -> &mut Judged {
        self.judged.iter_mut().find(|judged| judged.position == position).expect("it was recorded when it arrived")
    }

    /// What became of everything.
    pub fn state(mut self) -> State {
        // A place's statuses are those of the list as it is now: what was placed later may have changed them.
        let around = replay(self.table, &self.applied).expect("nothing enters the list that makes it impossible");
        for (delivery, (before, after)) in self.applied.clone().into_iter().zip(around) {
            let judged = self.judged_at(delivery.position);
            judged.before = before;
            judged.after = after;
        }
        for delivery in self.waiting.clone() {
            self.judged_at(delivery.position).reconsidered_until_ms = Some(delivery.received_at_ms + self.window_ms);
        }
        State {
            status: status(&self.applied),
            status_since_ms: status_since_ms(&self.applied),
            standing: standing(&self.applied),
            reschedule_count: count(&self.applied, "reschedule"),
            demographics_update_count: count(&self.applied, "demographics_update"),
            waiting: self.waiting.iter().map(|delivery| delivery.position).collect(),
            judged: self.judged,
        }
    }
}

/// Judges every element after those before it, from NONE. Some: all are APPLIED, with the statuses around each.
fn replay(table: &Table, list: &[Delivery]) -> Option<Vec<(Option<&'static str>, Option<&'static str>)>> {
    let mut around = Vec::new();
    for index in 0..list.len() {
        if verdict(table, &list[..index], list[index].event) != "APPLIED" {
            return None;
        }
        around.push((status(&list[..index]), status(&list[..=index])));
    }
    Some(around)
}

/// What an event is at the end of a list of applied deliveries.
fn verdict(table: &Table, list: &[Delivery], event: &'static str) -> &'static str {
    // A repeat comes before the table, which may be a custom one that would apply it once more.
    if stands(list, event) || is_undone(list, event) {
        return "DUPLICATE";
    }
    let applied = match event.strip_prefix("undo_") {
        Some(step) => standing(list).last().is_some_and(|(last, _)| *last == step),
        None => table.applies(event, status(list).unwrap_or("NONE")) || is_create_after_all(table, list, event),
    };
    if applied { "APPLIED" } else { "REJECTED" }
}

fn stands(list: &[Delivery], event: &str) -> bool {
    standing(list).iter().any(|(step, _)| *step == event)
}

/// Whether `event` is an undo of a step that has been undone and not done again since: of the two, the undo is the
/// last in the list.
fn is_undone(list: &[Delivery], event: &str) -> bool {
    let Some(step) = event.strip_prefix("undo_") else { return false };
    let last = list.iter().rev().find(|delivery| delivery.event == step || delivery.event == event);
    last.is_some_and(|delivery| delivery.event == event)
}

/// The `create` of an appointment that came into being by something else is applied whatever the status is, if the
/// table lets `create` be the first. (That it does not stand yet, the caller has seen.)
fn is_create_after_all(table: &Table, list: &[Delivery], event: &str) -> bool {
    event == "create" && !list.is_empty() && table.applies("create", "NONE")
}

/// The steps that stand after a list of applied deliveries, with their own arrival times.
fn standing(list: &[Delivery]) -> Vec<(&'static str, i64)> {
    let mut standing = Vec::new();
    for delivery in list {
        if let Some(undone) = delivery.event.strip_prefix("undo_") {
            standing.retain(|(step, _)| *step != undone);
        } else if delivery.event == "create" {
            // It keeps its place in the list, but stands first wherever that is.
            standing.insert(0, (delivery.event, delivery.received_at_ms));
        } else if !DETAILS.contains(&delivery.event) {
            standing.push((delivery.event, delivery.received_at_ms));
        }
    }
    standing
}

/// None where nothing was applied. An appointment in which no step stands came into being by something else than
/// `create` (which nothing undoes), and counts as SCHEDULED.
fn status(list: &[Delivery]) -> Option<&'static str> {
    list.first()?;
    let standing = standing(list);
    let Some((last, _)) = standing.last() else { return Some("SCHEDULED") };
    let (_, status) = STEPS.iter().find(|(step, _)| step == last).expect("only steps stand");
    Some(status)
}

/// The time of the last standing step; where none stands, of what is first in the list.
fn status_since_ms(list: &[Delivery]) -> Option<i64> {
    let first = list.first()?.received_at_ms;
    Some(standing(list).last().map_or(first, |(_, received_at_ms)| *received_at_ms))
}

fn count(list: &[Delivery], event: &str) -> u32 {
    let count = list.iter().filter(|delivery| delivery.event == event).count();
    u32::try_from(count).expect("a test sends fewer")
}

/// The event of that name, to the letter.
fn known(name: &str) -> Option<&'static str> {
    let steps = STEPS.iter().map(|(step, _)| *step);
    steps.chain(UNDOS).chain(DETAILS).find(|event| *event == name)
}
