//! Posts to a running server, in time, over a few connections, and counts the answers.
//!
//! The deliveries of an appointment go over the same connection, one after the other: what overtakes what is the
//! simulation's business and not that of the machine it runs on.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use ureq::Agent;

use crate::simulate::{Simulated, Simulation};

use super::target::Target;

/// How many deliveries wait for a connection before the others have to wait too.
const WAITING_MAX: usize = 64;
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Below what servers allow: a connection that they close is not used again.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// What is to be posted, where, and how fast.
pub(super) struct Job {
    pub(super) target: Target,
    pub(super) deliveries: u64,
    pub(super) lasts: Option<Duration>,
    pub(super) pace: Pace,
    pub(super) connections: usize,
}

/// When the next one is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// So many a second, evenly.
    Rate(u32),
    /// So many times as fast as in the world.
    Speed(u32),
}

/// What was answered, and how often.
#[derive(Default)]
struct Tally(BTreeMap<String, u64>);

/// What became of one request.
enum Answer {
    /// It is in the log: the outcome.
    Taken(String),
    /// It was refused.
    Refused(u16),
    /// There was no answer.
    None(ureq::Error),
}

/// Posts, and tells what was answered.
pub(super) fn run(mut traffic: Simulation, job: Job, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let Some(first) = traffic.next().filter(|_| job.deliveries > 0) else { bail!("there is nothing to post") };
    let mut tally = Tally::default();
    let begun = Instant::now();
    // The first goes alone: where it is not let in, the others are not tried.
    let sender = Sender::new(&job.target);
    match sender.post(&first.delivery.body) {
        Answer::None(error) => bail!(
            "{} does not answer: {error}\n  hint: start the server with `clockfold serve`, and post to the address that it prints",
            job.target
        ),
        Answer::Refused(status @ (401 | 404)) => bail!(
            "{} does not know this source (status {status})\n  hint: give it a --route-key or an --authtoken of a source that the server's configuration has",
            job.target
        ),
        answer => tally.count(answer),
    }
    let tallies = thread::scope(|scope| {
        let start = |_| {
            let (queue, waiting) = sync_channel(WAITING_MAX);
            (queue, scope.spawn(|| work(&job.target, waiting)))
        };
        let (queues, workers): (Vec<_>, Vec<_>) = (0..job.connections).map(start).unzip();
        feed(&mut traffic, &job, &first, begun, &queues);
        drop(queues);
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
    });
    for of_one in tallies.map_err(|_| anyhow!("a connection's thread stopped at a defect"))? {
        tally.add(of_one);
    }
    tally.print(begun.elapsed(), stdout)?;
    writeln!(stdout, "\nTo go on with other appointments: --first-appointment {}", traffic.next_appointment())?;
    tally.failed().map_or(Ok(()), |why| Err(anyhow!(why)))
}

/// Hands out the deliveries when they are due.
fn feed(traffic: &mut Simulation, job: &Job, first: &Simulated, begun: Instant, queues: &[SyncSender<Vec<u8>>]) {
    for (number, Simulated { arrives_at, delivery, .. }) in (1..job.deliveries).zip(traffic) {
        let due = match job.pace {
            Pace::Rate(rate) => Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(rate)),
            Pace::Speed(factor) => (arrives_at - first.arrives_at).to_std().unwrap_or_default() / factor,
        };
        let ended = |passed| job.lasts.is_some_and(|lasts| passed >= lasts);
        if ended(due) || ended(begun.elapsed()) {
            if let Some(lasts) = job.lasts {
                thread::sleep(lasts.saturating_sub(begun.elapsed()));
            }
            return;
        }
        thread::sleep(due.saturating_sub(begun.elapsed()));
        let appointment = delivery.reading.appointment_id().map_or(0, |id| id.get());
        let queue = usize::try_from(appointment % queues.len() as u64).unwrap_or(0);
        if queues[queue].send(delivery.body).is_err() {
            return;
        }
    }
}

fn work(target: &Target, waiting: Receiver<Vec<u8>>) -> Tally {
    let sender = Sender::new(target);
    let mut tally = Tally::default();
    for body in waiting {
        tally.count(sender.post(&body));
    }
    tally
}

/// One connection that is kept.
struct Sender<'a> {
    agent: Agent,
    url: String,
    authtoken: Option<&'a str>,
}

impl Sender<'_> {
    fn new(target: &Target) -> Sender<'_> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // No environment and no answer leads anywhere else.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ANSWER_MAX))
            .max_idle_age(IDLE_MAX);
        Sender { agent: config.build().new_agent(), url: target.url(), authtoken: target.authtoken() }
    }

    fn post(&self, body: &[u8]) -> Answer {
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(authtoken) = self.authtoken {
            request = request.header("Authtoken", authtoken);
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) => return Answer::None(error),
        };
        let status = response.status().as_u16();
        // Read to its end, so that the connection can be used again.
        let text = match response.body_mut().read_to_string() {
            Ok(text) => text,
            Err(error) => return Answer::None(error),
        };
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let is_kept = answer["position"].is_string();
        match (status, answer["outcome"].as_str()) {
            (200, Some(outcome)) => Answer::Taken(outcome.to_owned()),
            (400 | 422, _) if is_kept => Answer::Taken("UNREADABLE".to_owned()),
            _ => Answer::Refused(status),
        }
    }
}

impl Tally {
    fn count(&mut self, answer: Answer) {
        let name = match answer {
            Answer::Taken(outcome) => outcome,
            Answer::Refused(status) => format!("refused with {status}"),
            Answer::None(_) => "not answered".to_owned(),
        };
        *self.0.entry(name).or_default() += 1;
    }

    fn add(&mut self, other: Tally) {
        for (name, count) in other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }

    /// The outcomes have capital letters, what went wrong has none.
    fn failed(&self) -> Option<String> {
        let wrong = self.0.iter().filter(|(name, _)| name.starts_with(|first: char| first.is_lowercase()));
        let count: u64 = wrong.map(|(_, count)| count).sum();
        (count > 0).then(|| format!("{count} deliveries were not taken"))
    }

    fn print(&self, took: Duration, stdout: &mut dyn Write) -> std::io::Result<()> {
        let all: u64 = self.0.values().sum();
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = all.saturating_mul(1_000) / ms;
        writeln!(stdout, "{all} deliveries in {}.{} s, {rate} a second", ms / 1_000, ms % 1_000 / 100)?;
        self.0.iter().try_for_each(|(name, count)| writeln!(stdout, "{name:<18} {count:>9}"))
    }
}
