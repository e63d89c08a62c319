//! Runs of a store on the disk in memory: cut at each step, with each call failing, and with faults that they have to find.

use std::time::Duration;

use crate::fake::{Failures, LeftOut, Why, seeds};

/// A run that follows from a seed, of a store whose own faults are `F`.
pub trait Run {
    /// A fault of the store.
    type Fault: Copy;

    /// The run of a seed, on a disk that leaves out calls, or swallows their errors.
    fn of(seed: u64, left_out: Option<LeftOut>, swallowed: Option<LeftOut>) -> Self;

    /// Cuts the power at each step. Returns how many cuts that were.
    fn cut_at_each_step(self) -> u64;

    /// Has some calls fail. Returns how many calls there were.
    fn meet(self, failures: Option<Failures>) -> u64;

    /// Plants a fault in all stores of this thread.
    fn plant(fault: Option<Self::Fault>);
}

/// What is wrong with the store, or with the disk under it.
#[derive(Clone, Copy)]
pub struct Planted<F> {
    in_store: Option<F>,
    left_out: Option<LeftOut>,
    swallowed: Option<LeftOut>,
}

impl<F> Planted<F> {
    /// Nothing.
    pub const NOTHING: Planted<F> = Planted { in_store: None, left_out: None, swallowed: None };

    /// A fault of the store.
    pub fn in_store(fault: F) -> Planted<F> {
        Planted { in_store: Some(fault), ..Planted::NOTHING }
    }

    /// These calls are left out, or their errors are swallowed.
    pub fn on_disk(calls: LeftOut, is_swallowed: bool) -> Planted<F> {
        let (left_out, swallowed) = if is_swallowed { (None, Some(calls)) } else { (Some(calls), None) };
        Planted { in_store: None, left_out, swallowed }
    }
}

/// Cuts a run at each of its steps. Returns how many cuts that were.
pub fn cut<R: Run>(seed: u64, planted: Planted<R::Fault>) -> u64 {
    R::of(seed, planted.left_out, planted.swallowed).cut_at_each_step()
}

/// Has each call of a run fail, alone or with those after it. Returns how many runs that were.
pub fn fail<R: Run>(seed: u64, planted: Planted<R::Fault>) -> u64 {
    let run = || R::of(seed, planted.left_out, planted.swallowed);
    let calls = run().meet(None);
    for (call, count) in (0..calls).zip([1, 1, 4, 40].into_iter().cycle()) {
        let why = if call % 3 == 0 { Why::Full } else { Why::Broken };
        run().meet(Some(Failures { calls: call..call + count, why }));
    }
    calls
}

/// How long it takes to find a fault: how many of these seeds, and what the last one says. Of the runs that are cut, those
/// of each `fails_every`th seed also have their calls fail.
pub fn find<R: Run>(seeds: u64, planted: Planted<R::Fault>, fails_every: u64) -> Option<(u64, Duration, String)> {
    let with = |run: fn(u64, Planted<R::Fault>) -> u64, seed| {
        R::plant(planted.in_store);
        let outcome = seeds::outcome(|| run(seed, planted));
        R::plant(None);
        outcome
    };
    seeds::find(0..seeds, |seed| {
        // Only who meets an error can swallow it.
        let is_swallowed = planted.swallowed.is_some();
        let cut = if is_swallowed { Ok(0) } else { with(cut::<R>, seed) };
        let fails = is_swallowed || seed % fails_every == 0;
        cut.and_then(|_| if fails { with(fail::<R>, seed) } else { Ok(0) })
    })
}
