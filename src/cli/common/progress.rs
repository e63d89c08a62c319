//! How far a long command is, on standard error: for the person who looks on, not for a program.

use std::{
    io::{IsTerminal as _, Write},
    time::{Duration, Instant},
};

use clap::Args;

const ON_A_TERMINAL: Duration = Duration::from_millis(200);
const IN_A_FILE: Duration = Duration::from_secs(2);
/// After how many steps the clock is read.
const STEPS: u64 = 64;

/// Whether a command tells how far it is where nobody seems to look on.
#[derive(Debug, Args)]
pub(in crate::cli) struct ProgressArgument {
    /// Tell on standard error how far it is, also where that is not a terminal.
    #[arg(long)]
    progress: bool,
}

/// Shows how far it is, now and then.
pub(in crate::cli) struct Progress<'a> {
    output: Option<&'a mut dyn Write>,
    terminal: bool,
    doing: &'static str,
    total: u64,
    steps: u64,
    begun: Instant,
    told: Instant,
}

impl<'a> Progress<'a> {
    /// Shows progress where standard error is a terminal, or where it is asked for.
    pub(in crate::cli) fn new(asked: &ProgressArgument, output: &'a mut dyn Write) -> Progress<'a> {
        let terminal = std::io::stderr().is_terminal();
        let output = (asked.progress || terminal).then_some(output);
        let now = Instant::now();
        Progress { output, terminal, doing: "", total: 0, steps: 0, begun: now, told: now }
    }

    /// Begins work on `total` deliveries; 0 where that is not known.
    pub(in crate::cli) fn begin(&mut self, doing: &'static str, total: u64) {
        (self.doing, self.total, self.steps) = (doing, total, 0);
        (self.begun, self.told) = (Instant::now(), Instant::now());
    }

    /// `steps` are done.
    pub(in crate::cli) fn reach(&mut self, steps: u64) {
        self.steps = steps;
        self.tell_now_and_then();
    }

    /// One more is done.
    pub(in crate::cli) fn step(&mut self) {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS) {
            self.tell_now_and_then();
        }
    }

    /// What is being done.
    pub(in crate::cli) fn doing(&self) -> &'static str {
        self.doing
    }

    /// All are done.
    pub(in crate::cli) fn end(&mut self) {
        self.tell();
        if let (Some(output), true) = (&mut self.output, self.terminal) {
            let _ = writeln!(output);
        }
    }

    fn tell_now_and_then(&mut self) {
        let interval = if self.terminal { ON_A_TERMINAL } else { IN_A_FILE };
        if self.output.is_some() && self.told.elapsed() >= interval {
            self.told = Instant::now();
            self.tell();
        }
    }

    fn tell(&mut self) {
        if self.output.is_none() {
            return;
        }
        let (doing, steps, total) = (self.doing, self.steps, self.total);
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let per_second = steps.saturating_mul(1000) / milliseconds;
        if total == 0 {
            return self.write(&format!("{doing}: {steps} deliveries, {per_second}/s"));
        }
        let percent = steps.saturating_mul(100).checked_div(total).unwrap_or(100);
        let left = total.saturating_sub(steps) / per_second.max(1);
        self.write(&format!("{doing}: {steps} of {total} deliveries, {percent} %, {per_second}/s, {left} s left"));
    }

    fn write(&mut self, line: &str) {
        let Some(output) = &mut self.output else { return };
        // A closed standard error does not stop the work.
        let _ = match self.terminal {
            true => write!(output, "\r{line}\x1b[K").and_then(|()| output.flush()),
            false => writeln!(output, "{line}"),
        };
    }
}
