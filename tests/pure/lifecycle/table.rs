//! What each event does in every state that can be reached, held against files that a person has read.
//!
//! The states are found by going everywhere from NONE, by every event, through the fold itself with a window of 0. The
//! files are `fixtures/lifecycle/*.table`; `UPDATE_GOLDEN=1` writes them anew. Read their difference before you keep it.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write,
    fs,
    path::Path,
};

use chrono::DateTime;
use clockfold::lifecycle::{
    Appointment, Arrival, EventKind, EventType, FoldRules, Folded, Lifecycle, Met, Status, Step, Verdict,
};

const HEADER: &str = "\
# The lifecycle `NAME`: what each event does in every state that can be reached, with a reorder window of 0.
#
# A block is a list of standing steps, in order, with the status. Its lines are the outcome of each event with its
# code, or the status after it. What is applied and is a step stands last afterwards (CREATE: first), what is undone
# no longer stands, and nothing else changes the list. What an undo of a step that does not stand comes to depends on
# one thing more, so its line may have two answers: the first where the step was never done, the second `after one`,
# where it was undone and not done again since. Written by tests/pure/lifecycle/table.rs, with UPDATE_GOLDEN=1.
";

/// What a state shows, but for the steps that were undone. In the order of the blocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    count: usize,
    steps: Vec<Step>,
    status: Met,
}

/// For each event what it comes to: where the step that it undoes had been undone, and where not.
type Lines = BTreeMap<EventType, BTreeMap<bool, String>>;

impl Block {
    fn of(appointment: &Appointment) -> Block {
        let steps: Vec<Step> = appointment.standing().map(|standing| standing.step).collect();
        Block { count: steps.len(), steps, status: appointment.status() }
    }

    /// What the list of standing steps is after `event` was applied.
    fn after(&self, event: EventType) -> Vec<Step> {
        let mut steps = self.steps.clone();
        match event.kind() {
            EventKind::Step(Step::Create) => steps.insert(0, Step::Create),
            EventKind::Step(step) => steps.push(step),
            EventKind::Undo(step) => assert_eq!(steps.pop(), Some(step)),
            EventKind::Detail => {}
        }
        steps
    }
}

fn folded(appointment: &mut Appointment, lifecycle: &Lifecycle, event: EventType) -> Folded {
    let rules = FoldRules { lifecycle: lifecycle.clone(), ..FoldRules::default() };
    appointment.fold(&rules, Arrival { position: 1, received_at: DateTime::UNIX_EPOCH, reading: Ok(event.name()) })
}

/// Goes everywhere from NONE.
fn blocks(lifecycle: &Lifecycle) -> BTreeMap<Block, Lines> {
    let mut blocks: BTreeMap<Block, Lines> = BTreeMap::new();
    let mut seen = Vec::new();
    let mut ahead = VecDeque::from([Appointment::default()]);
    while let Some(appointment) = ahead.pop_front() {
        let block = Block::of(&appointment);
        let undone = appointment.parts().clone().undone;
        if seen.contains(&(block.clone(), undone)) {
            continue;
        }
        for event in EventType::ALL {
            let mut next = appointment.clone();
            let folded = folded(&mut next, lifecycle, event);
            if folded.judgement.verdict == Verdict::Applied {
                assert_eq!(Block::of(&next).steps, block.after(event), "{block:?} {event:?}");
            } else {
                assert_eq!(next, appointment, "{block:?} {event:?}");
            }
            let was_undone = matches!(event.kind(), EventKind::Undo(step) if undone.contains(step));
            let lines = blocks.entry(block.clone()).or_default().entry(event).or_default();
            let told = lines.entry(was_undone).or_insert_with(|| tell(&folded));
            assert_eq!(*told, tell(&folded), "{block:?} {event:?}: it depends on what else was undone");
            ahead.push_back(next);
        }
        seen.push((block, undone));
    }
    blocks
}

fn tell(folded: &Folded) -> String {
    match folded.judgement.verdict.code() {
        None => format!("APPLIED -> {}", name(folded.status)),
        Some(code) => format!("{} {}", folded.judgement.verdict.outcome().name(), code.name()),
    }
}

fn name(met: Met) -> &'static str {
    met.map_or("NONE", Status::name)
}

fn table(lifecycle: &Lifecycle) -> String {
    let mut text = HEADER.replace("NAME", lifecycle.name());
    for (Block { steps, status, .. }, lines) in blocks(lifecycle) {
        let steps: Vec<&str> = steps.into_iter().map(|step| step.event().name()).collect();
        let standing = if steps.is_empty() { "nothing stands".to_owned() } else { steps.join(", ").to_uppercase() };
        writeln!(text, "\n{standing}: {}", name(status)).unwrap();
        for (event, told) in lines {
            let told = match (told.get(&false), told.get(&true)) {
                (Some(never), Some(undone)) => format!("{never}, or {undone} after one"),
                (never, undone) => never.or(undone).unwrap().clone(),
            };
            writeln!(text, "  {:<19}  {told}", event.name()).unwrap();
        }
    }
    text
}

fn check(lifecycle: &Lifecycle) {
    let file = format!("fixtures/lifecycle/{}.table", lifecycle.name());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let table = table(lifecycle);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&path, &table).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    for (number, (now, before)) in (1..).zip(table.lines().zip(golden.lines())) {
        assert_eq!(now, before, "{file}:{number}; UPDATE_GOLDEN=1 writes the file anew");
    }
    assert_eq!(table.lines().count(), golden.lines().count(), "{file}; UPDATE_GOLDEN=1 writes the file anew");
}

#[test]
fn strict_is_as_its_table_says() {
    check(&Lifecycle::strict());
}

#[test]
fn walk_in_is_as_its_table_says() {
    check(&Lifecycle::walk_in());
}

#[test]
fn lenient_is_as_its_table_says() {
    check(&Lifecycle::lenient());
}
