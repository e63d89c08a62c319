//! The laws of the fold, as properties: whatever is delivered, they hold.
//!
//! `FOLD_TEST_CASES` sets how many cases each property is tried on, and has law 6 try longer histories; the full
//! run asks for ten thousand. What only the log and the projection can break is tested with them.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use clockfold::lifecycle::{
    Appointment, EventKind, EventType, FoldRules, Folded, Lifecycle, Met, Outcome, Standing, Status, Step,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::oracle::deliveries::{
    Sent, anything, built_in, deliveries, in_order, lifecycles, rules, start, without_window,
};

/// How many cases each property is tried on, where a number is asked for.
fn cases_asked_for() -> Option<u32> {
    std::env::var("FOLD_TEST_CASES").ok().and_then(|cases| cases.parse().ok())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: cases_asked_for().unwrap_or(256), failure_persistence: None, ..ProptestConfig::default() }
}

/// What becomes of an appointment whose deliveries all arrive at once.
fn folded(rules: &FoldRules, events: &[EventType]) -> Appointment {
    let mut appointment = Appointment::default();
    for (position, event) in (1..).zip(events) {
        Sent::at(start(), *event).fold(&mut appointment, rules, position);
    }
    appointment
}

fn standing(appointment: &Appointment) -> Vec<Standing> {
    appointment.standing().copied().collect()
}

fn steps(appointment: &Appointment) -> Vec<Step> {
    appointment.standing().map(|standing| standing.step).collect()
}

fn named(events: &str) -> Vec<EventType> {
    events.split_whitespace().map(|name| EventType::from_name(name).unwrap()).collect()
}

proptest! {
    #![proptest_config(config())]

    /// Law 1: the fold is total: it never fails and never panics, whatever the bytes.
    ///
    /// Bytes that are no body are the reader's matter; here stands what a body can say, with any window there is.
    #[test]
    fn the_fold_is_total(
        lifecycle in lifecycles(),
        reorder_window in select(vec![
            TimeDelta::MIN, TimeDelta::zero(), TimeDelta::nanoseconds(1), TimeDelta::seconds(5), TimeDelta::MAX,
        ]),
        sent in anything(),
    ) {
        let rules = FoldRules { lifecycle, reorder_window };
        let mut appointment = Appointment::default();
        for (position, sent) in (0..).zip(&sent) {
            let folded = sent.fold(&mut appointment, &rules, position);
            prop_assert_eq!(folded.status, appointment.status());
            let outcome = folded.judgement.verdict.outcome();
            let known = sent.reading.as_deref().map(EventType::from_name);
            prop_assert_eq!(outcome == Outcome::Unreadable, known.is_err());
            prop_assert_eq!(outcome == Outcome::Unrecognized, known == Ok(None));
            prop_assert_eq!(folded.reconsidered_until.is_some(), appointment.waiting().any(|waits| waits == position));
        }
    }

    /// Law 2: folding a log in one go, in pieces with a restart between any two, or live gives the same state and
    /// outcomes (what waits is part of the checkpoint).
    ///
    /// A restart is all that the state keeps being laid open and put together again.
    #[test]
    fn a_restart_changes_nothing(rules in rules(), sent in deliveries(), restarts in vec(any::<bool>(), 40)) {
        let (mut live, mut restarted) = (Appointment::default(), Appointment::default());
        for ((position, sent), restart) in (1..).zip(&sent).zip(restarts) {
            if restart {
                restarted = Appointment::from_parts(restarted.parts().clone());
            }
            prop_assert_eq!(sent.fold(&mut live, &rules, position), sent.fold(&mut restarted, &rules, position));
            prop_assert_eq!(&live, &restarted);
        }
    }

    /// Law 3: with window 0, an outcome other than APPLIED changes no status and no time of a step.
    ///
    /// It changes nothing else of the appointment either.
    #[test]
    fn without_a_window_only_what_is_applied_changes_anything(lifecycle in lifecycles(), sent in deliveries()) {
        let rules = without_window(lifecycle);
        let mut appointment = Appointment::default();
        for (position, sent) in (1..).zip(&sent) {
            let before = appointment.clone();
            let folded = sent.fold(&mut appointment, &rules, position);
            let applied = folded.judgement.verdict.outcome() == Outcome::Applied;
            prop_assert!(applied != (appointment == before));
            prop_assert_eq!((folded.changes, folded.reconsidered_until), (Vec::new(), None));
        }
    }

    /// Law 4: `x` applied at once with nothing waiting, then `undo_x`, restores status and standing steps exactly.
    ///
    /// Applied at once means at the end, before no other. And there has to be an appointment to restore: see
    /// [`what_an_undone_step_began_stays`]. There is no `undo_create`.
    #[test]
    fn an_undo_restores_what_was(rules in rules(), sent in deliveries(), gap_ms in 0_i64..6_000) {
        let mut appointment = Appointment::default();
        for (position, sent) in (1..).zip(&sent) {
            sent.fold(&mut appointment, &rules, position);
            if appointment.status().is_none() {
                continue;
            }
            for undo in EventType::ALL {
                let EventKind::Undo(step) = undo.kind() else { continue };
                let mut undone = appointment.clone();
                let done = Sent::at(sent.received_at, step.event()).fold(&mut undone, &rules, 1_000);
                let at_once = done.judgement.verdict.outcome() == Outcome::Applied && !done.judgement.late;
                let nothing_waiting = done.changes.is_empty() && undone.waiting().next().is_none();
                if at_once && nothing_waiting {
                    let later = sent.received_at + TimeDelta::milliseconds(gap_ms);
                    let folded = Sent::at(later, undo).fold(&mut undone, &rules, 1_001);
                    prop_assert_eq!(folded.judgement.verdict.outcome(), Outcome::Applied);
                    prop_assert_eq!(undone.status(), appointment.status());
                    prop_assert_eq!(standing(&undone), standing(&appointment));
                }
            }
        }
    }

    /// Law 5: a prefix all of whose deliveries are applied in order, delivered a second time right after, leaves the
    /// status as it was.
    ///
    /// With window 0: see [`with_a_window_a_history_delivered_twice_can_end_elsewhere`].
    #[test]
    fn a_history_delivered_twice_leaves_the_status_as_it_was(
        lifecycle in lifecycles(), choices in vec(any::<usize>(), 0..30),
    ) {
        let rules = without_window(lifecycle);
        let history = in_order(&rules.lifecycle, &choices, true);
        let (once, twice) = (folded(&rules, &history), folded(&rules, &[&history[..], &history[..]].concat()));
        prop_assert_eq!(once.status(), twice.status(), "{:?}", history);
    }

    /// Law 6: for a history that is applied in order and in which no event type occurs twice, every arrival order
    /// within the window ends in the same status and the same standing steps.
    ///
    /// Here histories of any length; [`every_arrival_order_of_a_short_history_ends_the_same`] leaves out no order.
    #[test]
    fn an_arrival_order_of_a_long_history_ends_the_same(
        (lifecycle, history, arrived) in (select(built_in().to_vec()), vec(any::<usize>(), 0..13))
            .prop_map(|(lifecycle, choices)| (in_order(&lifecycle, &choices, false), lifecycle))
            .prop_flat_map(|(history, lifecycle)| {
                (Just(lifecycle), Just(history.clone()), Just(history).prop_shuffle())
            })
    ) {
        let rules = FoldRules { lifecycle, reorder_window: TimeDelta::seconds(5) };
        let (expected, arrived) = (folded(&rules, &history), folded(&rules, &arrived));
        prop_assert_eq!(arrived.status(), expected.status());
        prop_assert_eq!(steps(&arrived), steps(&expected));
    }

    /// Law 7: appointments don't influence each other, except through positions and digests. And laws 1 and 2 for
    /// all of them at once.
    #[test]
    fn appointments_do_not_influence_each_other(
        rules in rules(),
        sent in vec(deliveries(), 1..4),
        turns in vec((any::<usize>(), any::<bool>()), 120),
    ) {
        let mut appointments = vec![Appointment::default(); sent.len()];
        let mut told: Vec<Vec<(u64, Folded)>> = vec![Vec::new(); sent.len()];
        for (position, (turn, restart)) in (1..).zip(turns) {
            if restart {
                appointments.iter_mut().for_each(|one| *one = Appointment::from_parts(one.parts().clone()));
            }
            let number = turn % sent.len();
            if let Some(next) = sent[number].get(told[number].len()) {
                told[number].push((position, next.fold(&mut appointments[number], &rules, position)));
            }
        }
        for ((sent, told), together) in sent.into_iter().zip(told).zip(appointments) {
            // Alone it keeps its positions: they are all that the others may change.
            let mut alone = Appointment::default();
            for (sent, (position, folded)) in sent.into_iter().zip(told) {
                prop_assert_eq!(sent.fold(&mut alone, &rules, position), folded);
            }
            prop_assert_eq!(together, alone);
        }
    }
}

/// Law 6 without exception: every order of every history of up to six deliveries, seven where many cases are asked for.
///
/// The orders of a history are those of its set of events, so the sets are gone through, not the histories.
#[test]
fn every_arrival_order_of_a_short_history_ends_the_same() {
    let longest = if cases_asked_for().is_some() { 7 } else { 6 };
    for lifecycle in built_in() {
        let name = lifecycle.name().to_owned();
        let rules = FoldRules { lifecycle: lifecycle.clone(), reorder_window: TimeDelta::seconds(5) };
        let mut histories = 0;
        for set in 0_u16..1 << EventType::ALL.len() {
            let chosen = EventType::ALL.into_iter().filter(|event| set & (1 << *event as u16) != 0);
            let events: Vec<EventType> = chosen.collect();
            let none = Appointment::default();
            if events.len() <= longest && has_an_order(&without_window(lifecycle.clone()), &none, &events) {
                let mut ends = Ends::new();
                arrive(&rules, &none, &[], &events, &mut ends);
                assert_eq!(ends.len(), 1, "{name}: {ends:?}");
                histories += 1;
            }
        }
        assert!(histories > 100, "{name}: only {histories} sets of events have an order");
    }
}

/// The restriction of law 4: where `x` itself brought the appointment into being, there is one afterwards.
#[test]
fn what_an_undone_step_began_stays() {
    let appointment = folded(&without_window(Lifecycle::lenient()), &named("checkin undo_checkin"));
    assert_eq!((appointment.status(), steps(&appointment)), (Some(Status::Scheduled), vec![]));
}

/// The restriction of law 5: the second `undo_checkin` finds READY last and waits, and the second `undo_ready` lets it
/// in. The second `ready` then meets SCHEDULED.
#[test]
fn with_a_window_a_history_delivered_twice_can_end_elsewhere() {
    let history = named("create checkin undo_checkin checkin ready undo_ready ready");
    let rules = FoldRules { lifecycle: Lifecycle::strict(), reorder_window: TimeDelta::seconds(5) };
    let (once, twice) = (folded(&rules, &history), folded(&rules, &[&history[..], &history[..]].concat()));
    assert_eq!((once.status(), twice.status()), (Some(Status::Ready), Some(Status::Scheduled)));
    assert_eq!(steps(&once), [Step::Create, Step::Checkin, Step::Ready]);
}

/// All that a set of deliveries ends in, with an arrival order for each.
type Ends = BTreeMap<(Met, Vec<Step>), Vec<EventType>>;

/// Folds every arrival order of what is left.
fn arrive(rules: &FoldRules, appointment: &Appointment, arrived: &[EventType], left: &[EventType], ends: &mut Ends) {
    if left.is_empty() {
        ends.entry((appointment.status(), steps(appointment))).or_insert_with(|| arrived.to_vec());
        return;
    }
    // The last arrives a whole window after the first.
    let gaps = i32::try_from(arrived.len() + left.len()).unwrap() - 1;
    let since = rules.reorder_window * i32::try_from(arrived.len()).unwrap() / gaps.max(1);
    for (index, event) in left.iter().enumerate() {
        let mut appointment = appointment.clone();
        Sent::at(start() + since, *event).fold(&mut appointment, rules, arrived.len() as u64);
        let left = [&left[..index], &left[index + 1..]].concat();
        arrive(rules, &appointment, &[arrived, &[*event]].concat(), &left, ends);
    }
}

/// Whether these deliveries have an order in which all are applied as they come.
fn has_an_order(rules: &FoldRules, appointment: &Appointment, left: &[EventType]) -> bool {
    let goes_on = |index: usize| {
        let mut appointment = appointment.clone();
        let folded = Sent::at(start(), left[index]).fold(&mut appointment, rules, 0);
        let left = [&left[..index], &left[index + 1..]].concat();
        folded.judgement.verdict.outcome() == Outcome::Applied && has_an_order(rules, &appointment, &left)
    };
    left.is_empty() || (0..left.len()).any(goes_on)
}
