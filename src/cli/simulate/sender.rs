//! One connection to a server, which is kept: a delivery goes out, what became of it comes back.
//!
//! A thread of its own makes the requests, and nobody waits for it at the end: a server that does not answer can't hold
//! up the end.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender as Queue, channel},
    thread,
    time::{Duration, Instant},
};

use ureq::{Agent, http::header::RETRY_AFTER};

use super::{
    limit::{GRACE, Limit},
    report::Report,
    target::Target,
};

const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Below what servers allow: a connection that they close is not used again.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Before a delivery is sent again, where the answer does not say.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, however long the answer asks for.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// While waiting for an answer, how often to look whether posting is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What became of one request.
pub(super) enum Answer {
    /// It is in the log: the status and the outcome.
    Taken(u16, String),
    /// It was refused: the status, and after how long to try again, where the answer says.
    Refused(u16, Option<Duration>),
    /// There was no answer.
    None(ureq::Error),
    /// Posting ended before there was one.
    Cut,
}

impl Answer {
    /// How long to wait before it is sent again, as a sender that tries again would; `None` where that is of no use.
    fn pause(&self) -> Option<Duration> {
        match self {
            Answer::Taken(..) | Answer::Cut => None,
            Answer::None(_) => Some(PAUSE),
            Answer::Refused(429 | 502 | 503 | 504, after) => Some(after.unwrap_or(PAUSE).min(PAUSE_MAX)),
            Answer::Refused(..) => None,
        }
    }
}

/// One connection that is kept.
pub(super) struct Sender {
    requests: Queue<Request>,
    answers: Receiver<(Answer, Duration)>,
}

struct Request {
    target: Target,
    delivery_id: Option<String>,
    body: Vec<u8>,
}

impl Sender {
    pub(super) fn new() -> Sender {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Neither the environment nor an answer sends it anywhere else.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ANSWER_MAX))
            .max_idle_age(IDLE_MAX);
        let connection = Connection(config.build().new_agent());
        let (requests, asked) = channel::<Request>();
        let (told, answers) = channel();
        thread::spawn(move || {
            for Request { target, delivery_id, body } in asked {
                let begun = Instant::now();
                let answer = connection.post(&target, delivery_id.as_deref(), &body);
                if told.send((answer, begun.elapsed())).is_err() {
                    return;
                }
            }
        });
        Sender { requests, answers }
    }

    /// Sends a delivery, again where that may help, and counts every answer. Returns the last one. After
    /// [`Answer::Cut`] it sends nothing more.
    pub(super) fn deliver(
        &self,
        target: &Target,
        delivery_id: Option<&str>,
        body: &[u8],
        retries: u32,
        limit: Limit<'_>,
        note: impl Fn(&dyn Fn(&mut Report)),
    ) -> Answer {
        for retry in 0.. {
            let (answer, took) = self.ask(target, delivery_id, body, limit);
            note(&|report| report.answered(&answer, took));
            match answer.pause() {
                Some(pause) if retry < retries && !limit.wait(pause) => note(&Report::retried),
                _ => {
                    note(&|report| report.ended(&answer));
                    return answer;
                }
            }
        }
        unreachable!("the retries end")
    }

    /// Makes one request, and waits for its answer until posting ends and for the grace after that.
    fn ask(&self, target: &Target, delivery_id: Option<&str>, body: &[u8], limit: Limit<'_>) -> (Answer, Duration) {
        let begun = Instant::now();
        let request =
            Request { target: target.clone(), delivery_id: delivery_id.map(ToOwned::to_owned), body: body.to_vec() };
        let mut over_since = None;
        let mut waits = self.requests.send(request).is_ok();
        while waits {
            match self.answers.recv_timeout(LOOK_INTERVAL) {
                Ok(told) => return told,
                Err(RecvTimeoutError::Disconnected) => waits = false,
                Err(RecvTimeoutError::Timeout) if limit.is_over() => {
                    waits = over_since.get_or_insert_with(Instant::now).elapsed() < GRACE;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        (Answer::Cut, begun.elapsed())
    }
}

/// What makes the requests.
struct Connection(Agent);

impl Connection {
    fn post(&self, target: &Target, delivery_id: Option<&str>, body: &[u8]) -> Answer {
        let mut request = self.0.post(target.url()).header("Content-Type", "application/json");
        if let Some(authtoken) = target.authtoken() {
            request = request.header("Authtoken", authtoken);
        }
        if let (Some(name), Some(id)) = (target.delivery_id_header(), delivery_id) {
            request = request.header(name, id);
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) => return Answer::None(error),
        };
        let status = response.status().as_u16();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        // Read to its end, so that the connection can be used again.
        let text = match response.body_mut().read_to_string() {
            Ok(text) => text,
            Err(error) => return Answer::None(error),
        };
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let is_kept = answer["position"].is_string();
        match (status, answer["outcome"].as_str()) {
            (200, Some(outcome)) => Answer::Taken(status, outcome.to_owned()),
            (400 | 415 | 422, _) if is_kept => Answer::Taken(status, "UNREADABLE".to_owned()),
            _ => Answer::Refused(status, seconds.map(Duration::from_secs)),
        }
    }
}
