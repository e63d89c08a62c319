//! Posts to a running server, in time, over a few connections, and counts the answers.
//!
//! Deliveries come in, each due at its time; a [`Report`] goes out. A source's deliveries go over one connection, one
//! after the other, unless there are more connections than sources; those of an appointment always do: the simulation
//! decides what overtakes what, not the machine it runs on. Only deliveries that wait for a connection are kept.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    cli::common::stop::Stop,
    log::{NewDelivery, SourceName},
    simulate::Simulated,
};

use super::{
    limit::Limit,
    report::Report,
    sender::{Answer, Sender},
    target::Target,
};

/// How many deliveries wait for a connection before the others have to wait too.
const WAITING_MAX: usize = 64;
/// How often the progress is shown.
const TELL_INTERVAL: Duration = Duration::from_millis(250);

/// What is to be posted, where, and how fast.
pub(in crate::cli) struct Job<'a> {
    /// Every source that sends, in order.
    pub(in crate::cli) sources: &'a [SourceName],
    /// Where the sources post to. Where there are fewer, they take turns.
    pub(in crate::cli) targets: &'a [Target],
    pub(in crate::cli) deliveries: u64,
    pub(in crate::cli) lasts: Option<Duration>,
    pub(in crate::cli) rate: Rate,
    pub(in crate::cli) connections: usize,
    /// How often a delivery that was not taken is sent again.
    pub(in crate::cli) retries: u32,
    /// What to do where the server does not answer.
    pub(in crate::cli) hint: &'a str,
    pub(in crate::cli) stop: &'a Stop,
}

/// When the next one is due.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Rate {
    /// This many a second, evenly.
    PerSecond(u32),
    /// A multiple of the world's speed.
    Speed {
        /// How many times.
        factor: u32,
        /// What is left of nights; `None`: all of them.
        nights: Option<Nights>,
    },
}

/// How nights are shortened.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Nights {
    /// Where nothing happens in the world for longer than this, it is night.
    pub(in crate::cli) quiet: TimeDelta,
    /// The next one comes after this long at the latest.
    pub(in crate::cli) gap_max: Duration,
}

/// How far it is.
pub(in crate::cli) struct Progress<'a> {
    pub(in crate::cli) report: &'a Report,
    pub(in crate::cli) took: Duration,
    /// The time in the world of the last delivery that was handed out.
    pub(in crate::cli) simulated: DateTime<Utc>,
}

/// What the threads share.
struct Shared<'a> {
    job: &'a Job<'a>,
    begun: Instant,
    limit: Limit<'a>,
    told: Mutex<State>,
}

struct State {
    report: Report,
    simulated: DateTime<Utc>,
    /// Why nothing more is sent.
    fatal: Option<anyhow::Error>,
}

/// A delivery on its way to a connection.
struct Due<'a> {
    target: &'a Target,
    delivery: NewDelivery,
}

/// Posts until there is no more, or the time is over, or somebody stops it. Returns the answers, and why some are
/// missing where a server did not let a source in.
pub(in crate::cli) fn post(
    traffic: &mut dyn Iterator<Item = Simulated>,
    job: &Job<'_>,
    tell: &(dyn Fn(&Progress<'_>) + Sync),
) -> anyhow::Result<(Report, Option<anyhow::Error>)> {
    let Some(first) = traffic.next().filter(|_| job.deliveries > 0) else { bail!("there is nothing to post") };
    let told = State { report: Report::default(), simulated: first.arrives_at, fatal: None };
    let begun = Instant::now();
    let limit = Limit::new(job.stop, begun, job.lasts);
    let shared = Shared { job, begun, limit, told: Mutex::new(told) };
    let places: HashMap<&SourceName, usize> = job.sources.iter().zip(0..).collect();
    let place = |delivery: &NewDelivery| places.get(&delivery.source).copied().unwrap_or(0);
    let target = |place: usize| &job.targets[place % job.targets.len()];
    // The first goes alone: where the server does not answer it, no other is tried.
    let first_at = first.arrives_at;
    let first = Due { target: target(place(&first.delivery)), delivery: first.delivery };
    shared.try_first(&first)?;
    let done = Stop::default();
    let joined = thread::scope(|scope| {
        let start = |_| {
            let (queue, waiting) = sync_channel(WAITING_MAX);
            (queue, scope.spawn(|| shared.work(waiting)))
        };
        let (queues, workers): (Vec<SyncSender<Due<'_>>>, Vec<_>) = (0..job.connections).map(start).unzip();
        scope.spawn(|| {
            while !done.wait(TELL_INTERVAL) {
                shared.tell(tell);
            }
        });
        shared.feed(traffic, first_at, |delivery| {
            let place = place(&delivery);
            let queue = &queues[connection(place, &delivery, job)];
            queue.send(Due { target: target(place), delivery }).is_ok()
        });
        drop(queues);
        let joined: Result<Vec<()>, _> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.stop();
        joined
    });
    joined.map_err(|_| anyhow!("a connection's thread stopped at a defect"))?;
    shared.tell(tell);
    let told = shared.told.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((told.report, told.fatal))
}

/// The connection of a delivery from the source at this place.
fn connection(place: usize, delivery: &NewDelivery, job: &Job<'_>) -> usize {
    let each = job.connections / job.sources.len().max(1);
    if each < 2 {
        return place % job.connections;
    }
    let appointment = delivery.reading.appointment_id().map_or(0, |id| id.get());
    place * each + usize::try_from(appointment % each as u64).unwrap_or(0)
}

impl Shared<'_> {
    /// Hands out deliveries when they are due, until there are no more or nobody takes them.
    fn feed(
        &self,
        traffic: &mut dyn Iterator<Item = Simulated>,
        first_at: DateTime<Utc>,
        mut hand_out: impl FnMut(NewDelivery) -> bool,
    ) {
        let (mut due, mut last) = (Duration::ZERO, first_at);
        for (number, Simulated { arrives_at, delivery, .. }) in (1..self.job.deliveries).zip(traffic) {
            due = match self.job.rate {
                Rate::PerSecond(rate) => Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(rate)),
                Rate::Speed { factor, nights } => due + between(arrives_at - last, factor, nights),
            };
            last = arrives_at;
            if self.job.lasts.is_some_and(|lasts| due >= lasts) {
                self.limit.wait_for_the_end();
                return;
            }
            if self.limit.wait(due.saturating_sub(self.begun.elapsed())) {
                return;
            }
            self.told().simulated = arrives_at;
            if !hand_out(delivery) {
                return;
            }
        }
    }

    fn work(&self, waiting: Receiver<Due<'_>>) {
        let sender = Sender::new();
        for due in waiting {
            if self.limit.is_over() {
                return;
            }
            let answer = self.deliver(&sender, &due);
            if let Some(why) = not_let_in(&answer, due.target) {
                self.told().fatal.get_or_insert(why);
                self.job.stop.stop();
            }
        }
    }

    /// The first delivery; an error where a server is not there, or does not let the source in.
    fn try_first(&self, first: &Due<'_>) -> anyhow::Result<()> {
        let sender = Sender::new();
        let answer = self.deliver(&sender, first);
        if let Answer::None(error) = &answer {
            bail!("{} does not answer: {error}\n  hint: {}", first.target, self.job.hint);
        }
        not_let_in(&answer, first.target).map_or(Ok(()), Err)
    }

    fn deliver(&self, sender: &Sender, due: &Due<'_>) -> Answer {
        let id = due.delivery.delivery_id.as_deref();
        let note = |count: &dyn Fn(&mut Report)| count(&mut self.told().report);
        sender.deliver(due.target, id, &due.delivery.body, self.job.retries, self.limit, note)
    }

    fn tell(&self, tell: &dyn Fn(&Progress<'_>)) {
        let (report, simulated) = {
            let told = self.told();
            (told.report.clone(), told.simulated)
        };
        tell(&Progress { report: &report, took: self.begun.elapsed(), simulated });
    }

    fn told(&self) -> MutexGuard<'_, State> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it is from one delivery to the next.
fn between(in_the_world: TimeDelta, factor: u32, nights: Option<Nights>) -> Duration {
    let gap = in_the_world.to_std().unwrap_or_default() / factor;
    match nights {
        Some(Nights { quiet, gap_max }) if in_the_world > quiet => gap.min(gap_max),
        _ => gap,
    }
}

/// Why nothing more is sent, where the server does not know who sends.
fn not_let_in(answer: &Answer, target: &Target) -> Option<anyhow::Error> {
    match answer {
        Answer::Refused(status @ (401 | 404), _) => Some(anyhow!(
            "{target} does not know {} (status {status})\n  hint: give it a --route-key or an --authtoken of a source that the server's configuration has",
            target.called()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_is_shortened_and_a_day_is_not() {
        let nights = Some(Nights { quiet: TimeDelta::minutes(1), gap_max: Duration::from_secs(1) });
        for (in_the_world_s, nights, milliseconds) in [
            (30, nights, 3_000),
            (60, nights, 6_000),
            (61, nights, 1_000),
            (36_000, nights, 1_000),
            (36_000, None, 3_600_000),
            (0, nights, 0),
        ] {
            let gap = between(TimeDelta::seconds(in_the_world_s), 10, nights);
            assert_eq!(gap, Duration::from_millis(milliseconds), "{in_the_world_s}");
        }
    }
}
