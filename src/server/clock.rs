//! Watches the machine's clock beside a stopwatch that nobody sets, and reports its jumps.
//!
//! Arrival times, waits and boards are as right as the clock is. The time that it shows has passed between two looks
//! comes in, and the time that really has; out go a message and a count for every jump, forward or back.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::log::Clock;

use super::measures::{CLOCK_DIRECTIONS, seconds_of};

/// How often it looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// What a clock may gain or lose between two looks: services that keep time correct less than a millisecond in that
/// time, and jump where that is not enough.
const JUMP_MIN: TimeDelta = TimeDelta::seconds(2);
/// How far apart the two clocks may be read: beyond that the look does not count, for the machine may have stood still.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// What the clock showed, and when.
#[derive(Clone, Copy)]
struct Look {
    shown: DateTime<Utc>,
    at: Instant,
}

impl Look {
    /// What the clock shows now; `None` where it took too long to say.
    fn now(clock: &Clock) -> Option<Look> {
        let at = Instant::now();
        let shown = clock();
        (at.elapsed() <= LOOK_MAX).then_some(Look { shown, at })
    }

    /// How far the clock has jumped since an earlier look, where that is far; negative where it was set back.
    fn jump_since(self, earlier: Look) -> Option<TimeDelta> {
        let passed = TimeDelta::from_std(self.at.saturating_duration_since(earlier.at)).unwrap_or(TimeDelta::MAX);
        let jump = (self.shown - earlier.shown).checked_sub(&passed)?;
        (jump.abs() > JUMP_MIN).then_some(jump)
    }
}

/// Reports every jump until `stop`.
pub(super) async fn watch(clock: Clock, stop: CancellationToken) {
    let mut last = Look::now(&clock);
    let mut interval = tokio::time::interval(LOOK_INTERVAL);
    while stop.run_until_cancelled(interval.tick()).await.is_some() {
        let Some(look) = Look::now(&clock) else { continue };
        if let Some(jump) = last.replace(look).and_then(|last| look.jump_since(last)) {
            tell(look.shown, jump);
        }
    }
}

fn tell(shows: DateTime<Utc>, jump: TimeDelta) {
    let [forward, back] = CLOCK_DIRECTIONS;
    let direction = if jump > TimeDelta::zero() { forward } else { back };
    metrics::counter!("clockfold_clock_jumps_total", "direction" => direction).increment(1);
    tracing::warn!(
        direction,
        seconds = seconds_of(jump),
        %shows,
        "the machine's clock jumped; arrival times are as right as it is: check the time synchronisation (a machine that slept jumps forward too)"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_what_the_clock_shows_beyond_what_has_passed() {
        let (shown, at) = (DateTime::from_timestamp(1_800_000_000, 0).unwrap(), Instant::now());
        let first = Look { shown, at };
        let jump = |passed_ms: u64, shown_ms: i64| {
            let at = at + Duration::from_millis(passed_ms);
            Look { shown: shown + TimeDelta::milliseconds(shown_ms), at }.jump_since(first)
        };
        for (passed_ms, shown_ms) in [(1_000, 1_000), (1_000, 3_000), (3_600_000, 3_600_000), (1_000, -1_000)] {
            assert_eq!(jump(passed_ms, shown_ms), None, "{shown_ms} ms shown in {passed_ms} ms");
        }
        assert_eq!(jump(1_000, 3_001), Some(TimeDelta::milliseconds(2_001)));
        assert_eq!(jump(1_000, -1_001), Some(TimeDelta::milliseconds(-2_001)));
        assert_eq!(jump(10_000, 315_360_010_000), Some(TimeDelta::seconds(315_360_000)));
        // A busy machine looks late; nothing has jumped.
        assert_eq!(jump(90_000, 90_000), None);
    }
}
