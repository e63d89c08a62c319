//! What a source's rejections have in common, and how many of them other rules would have applied.
//!
//! The newest rejections of a stretch of the log come in; for each pattern goes out how many of them show it, and would
//! have been applied by the rules that it suggests. That is no guess: the appointments are folded again by those rules,
//! on a copy. The caller decides whether they are enough for advice.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use clockfold_lifecycle::{Code, EventType, FoldRules, Lifecycle, Outcome, Status, Verdict};
use clockfold_log::{AppointmentId, Log, LogError, Position, SourceName};

use crate::{
    error::ProjectionError,
    schema::{
        appointment::JudgedEvent,
        identity::AppointmentKey,
        keys::{Kind, SourceNumber},
    },
    view::{Page, PageOf, View, as_of::refold, deliveries::DeliveryFilter, filter::Stretches, merge::Span},
};

/// How many of a source's rejections are looked at: the newest ones.
pub const REJECTIONS_MAX: usize = 2_000;

/// An appointment with more deliveries shows no pattern: folding it again would take too long.
const DELIVERIES_MAX: u64 = 1_000;

/// The window that is tried: the one that we recommend to a clinic which goes live.
pub const WINDOW_TRIED: TimeDelta = TimeDelta::seconds(5);

/// What rejections have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// READY, CALLBACK or DISCHARGE met SCHEDULED, of appointments without any CHECKIN.
    WalkIns,
    /// A step or a detail met no appointment, of appointments without any CREATE.
    MidStream,
    /// What would have let them in arrived within seconds.
    Overtaking,
}

impl Pattern {
    /// All patterns.
    pub const ALL: [Pattern; 3] = [Pattern::WalkIns, Pattern::MidStream, Pattern::Overtaking];

    /// The rules that it suggests to a source that has `rules`; `None` where those do so already.
    fn suggests(self, rules: &FoldRules) -> Option<FoldRules> {
        let with = |lifecycle| FoldRules { lifecycle, ..rules.clone() };
        match self {
            Pattern::WalkIns => Some(with(Lifecycle::walk_in())),
            Pattern::MidStream => Some(with(Lifecycle::lenient())),
            Pattern::Overtaking if rules.reorder_window >= WINDOW_TRIED => None,
            Pattern::Overtaking => Some(FoldRules { reorder_window: WINDOW_TRIED, ..rules.clone() }),
        }
        .filter(|suggested| {
            (suggested.lifecycle.rule_bytes(), suggested.reorder_window)
                != (rules.lifecycle.rule_bytes(), rules.reorder_window)
        })
    }

    /// Whether a rejection of an appointment with these deliveries shows it, before anything is folded again.
    fn is_shown_by(self, entry: &JudgedEvent, deliveries: &[JudgedEvent]) -> bool {
        let has = |event| deliveries.iter().any(|one| one.event == Some(event));
        match self {
            Pattern::WalkIns => {
                let event = entry.event;
                matches!(event, Some(EventType::Ready | EventType::Callback | EventType::Discharge))
                    && entry.judgement.before == Some(Status::Scheduled)
                    && entry.judgement.verdict.code() == Some(Code::StatusNotAllowed)
                    && !has(EventType::Checkin)
            }
            Pattern::MidStream => entry.judgement.verdict.code() == Some(Code::NotCreated) && !has(EventType::Create),
            Pattern::Overtaking => true,
        }
    }
}

/// How much of a pattern there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Rejections that show it, and that the suggested rules would have applied.
    pub rejections: u64,
    /// The appointments that they are of.
    pub appointments: u64,
}

/// What a source's newest rejections show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// How many were looked at: at most [`REJECTIONS_MAX`].
    pub rejections: u64,
    /// Whether there are more, before them.
    pub has_more: bool,
    /// CHECKIN that were applied since the first of them.
    pub check_ins: u64,
    /// By pattern; those that are not shown are left out.
    pub shown: BTreeMap<Pattern, Shown>,
}

impl View {
    /// What the newest rejections of a source within a stretch of the log show.
    pub fn evidence(
        &self,
        source: &SourceName,
        positions: &Stretches,
        rules: &FoldRules,
        log: &dyn Log,
    ) -> Result<Evidence, ProjectionError> {
        let filter = DeliveryFilter {
            sources: vec![source.clone()],
            outcomes: vec![Outcome::Rejected],
            positions: positions.clone(),
            ..DeliveryFilter::default()
        };
        let page = Page { after: None, before: None, limit: REJECTIONS_MAX, from_end: true };
        let PageOf { items: rejected, has_more } = self.deliveries(&filter, &page)?;
        let (Some(first), Some(number)) = (rejected.first(), self.number_of(source)) else {
            return Ok(Evidence::default());
        };
        let since = has_more.then(|| Position::new(first.get() - 1));
        let mut evidence = Evidence {
            rejections: rejected.len() as u64,
            has_more,
            check_ins: self.check_ins(number, positions, since)?,
            shown: BTreeMap::new(),
        };
        for (appointment_id, positions) in self.by_appointment(&rejected, log)? {
            let key = AppointmentKey { source: source.clone(), appointment_id };
            self.look_at(&key, &positions, rules, &mut evidence)?;
        }
        Ok(evidence)
    }

    fn check_ins(
        &self,
        number: SourceNumber,
        positions: &Stretches,
        after: Option<Position>,
    ) -> Result<u64, ProjectionError> {
        let kind = Kind { verdict: Verdict::Applied, event: Some(EventType::Checkin) };
        let mut count = 0;
        for stretch in positions.each() {
            let span = stretch.span();
            let span = Span { after: span.after.max(after), ..span };
            if !span.is_empty() {
                count += self
                    .positions_with(number, kind, span)
                    .try_fold(0, |count, position| position.map(|_| count + 1))?;
            }
        }
        Ok(count)
    }

    /// The appointments that these deliveries name, by the log.
    fn by_appointment(
        &self,
        positions: &[Position],
        log: &dyn Log,
    ) -> Result<BTreeMap<AppointmentId, Vec<Position>>, ProjectionError> {
        let mut appointments: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for &position in positions {
            self.deadline.check()?;
            let missing = || LogError::Corrupt { position, message: "the delivery is missing".to_owned() };
            let delivery = log.read(position).next().ok_or_else(missing)??;
            let id = delivery.reading.appointment_id().ok_or(ProjectionError::Corrupt("outcome index"))?;
            appointments.entry(id).or_default().push(position);
        }
        Ok(appointments)
    }

    /// Adds what an appointment's rejections show.
    fn look_at(
        &self,
        key: &AppointmentKey,
        rejected: &[Position],
        rules: &FoldRules,
        evidence: &mut Evidence,
    ) -> Result<(), ProjectionError> {
        let record = self.appointment(key)?.ok_or(ProjectionError::Corrupt("appointment"))?;
        if record.delivery_count > DELIVERIES_MAX {
            return Ok(());
        }
        let entries = self.entries_as_of(&record, Position::new(u64::MAX))?;
        for pattern in Pattern::ALL {
            let shows =
                |entry: &&JudgedEvent| rejected.contains(&entry.position) && pattern.is_shown_by(entry, &entries);
            let showing: Vec<Position> = entries.iter().filter(shows).map(|entry| entry.position).collect();
            let Some(suggested) = pattern.suggests(rules).filter(|_| !showing.is_empty()) else { continue };
            self.deadline.check()?;
            let (_, retold) = refold(key.clone(), &entries, &suggested).ok_or(ProjectionError::Corrupt("history"))?;
            let applied =
                |entry: &&JudgedEvent| showing.contains(&entry.position) && entry.judgement.verdict == Verdict::Applied;
            let rejections = retold.iter().filter(applied).count() as u64;
            if rejections > 0 {
                let shown = evidence.shown.entry(pattern).or_default();
                shown.rejections += rejections;
                shown.appointments += 1;
            }
        }
        Ok(())
    }
}
