//! One connection to a server, which is kept: a delivery goes out, what became of it comes back.

use std::time::{Duration, Instant};

use ureq::{Agent, http::header::RETRY_AFTER};

use crate::cli::stop::Stop;

use super::{report::Report, target::Target};

const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Below what servers allow: a connection that they close is not used again.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Before a delivery is sent again, where the answer does not say.
const PAUSE: Duration = Duration::from_millis(500);
/// However long the answer says.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What became of one request.
pub(super) enum Answer {
    /// It is in the log: the status and the outcome.
    Taken(u16, String),
    /// It was refused: the status, and after how long to try again, where the answer says.
    Refused(u16, Option<Duration>),
    /// There was no answer.
    None(ureq::Error),
}

impl Answer {
    /// How long to wait before it is sent again, as a sender that tries again would; `None` where that is of no use.
    fn pause(&self) -> Option<Duration> {
        match self {
            Answer::Taken(..) => None,
            Answer::None(_) => Some(PAUSE),
            Answer::Refused(429 | 502 | 503 | 504, after) => Some(after.unwrap_or(PAUSE).min(PAUSE_MAX)),
            Answer::Refused(..) => None,
        }
    }
}

/// One connection that is kept.
pub(super) struct Sender(Agent);

impl Sender {
    pub(super) fn new() -> Sender {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // No environment and no answer leads anywhere else.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ANSWER_MAX))
            .max_idle_age(IDLE_MAX);
        Sender(config.build().new_agent())
    }

    /// Sends a delivery, again where that may help, and takes note of every answer. Returns the last one.
    pub(super) fn deliver(
        &self,
        target: &Target,
        delivery_id: Option<&str>,
        body: &[u8],
        retries: u32,
        stop: &Stop,
        note: impl Fn(&dyn Fn(&mut Report)),
    ) -> Answer {
        for retry in 0.. {
            let begun = Instant::now();
            let answer = self.post(target, delivery_id, body);
            note(&|report| report.answered(&answer, begun.elapsed()));
            match answer.pause() {
                Some(pause) if retry < retries && !stop.wait(pause) => note(&Report::retried),
                _ => {
                    note(&|report| report.ended(&answer));
                    return answer;
                }
            }
        }
        unreachable!("the retries end")
    }

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
            (400 | 422, _) if is_kept => Answer::Taken(status, "UNREADABLE".to_owned()),
            _ => Answer::Refused(status, seconds.map(Duration::from_secs)),
        }
    }
}
