//! How long answers took: counts in buckets whose width is at most a thirty-second part of their value, so memory is
//! bounded.

use std::time::Duration;

/// Buckets an octave, as a power of two.
const SUB_BITS: u32 = 5;

/// Durations, by the microsecond below 64 µs and by buckets above.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    counts: Vec<u64>,
    all: u64,
    longest: Duration,
}

impl Latencies {
    pub(super) fn record(&mut self, took: Duration) {
        let bucket = bucket(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.all += 1;
        self.longest = self.longest.max(took);
    }

    /// The longest of the fastest `of_a_hundred` percent; `None` where there is none.
    pub(super) fn percentile(&self, of_a_hundred: u64) -> Option<Duration> {
        let rank = (self.all * of_a_hundred).div_ceil(100).max(1);
        let mut counted = 0;
        let bucket = self.counts.iter().position(|count| {
            counted += count;
            counted >= rank
        })?;
        Some(Duration::from_micros(longest_in(bucket)).min(self.longest))
    }

    pub(super) fn longest(&self) -> Option<Duration> {
        (self.all > 0).then_some(self.longest)
    }
}

fn bucket(microseconds: u64) -> usize {
    let bits = u64::BITS - microseconds.leading_zeros();
    let shift = bits.saturating_sub(SUB_BITS + 1);
    // At most 59 times 32, and 63.
    usize::try_from((u64::from(shift) << SUB_BITS) + (microseconds >> shift)).unwrap_or(usize::MAX)
}

/// The longest duration that falls into a bucket, in microseconds.
fn longest_in(bucket: usize) -> u64 {
    let shift = (bucket >> SUB_BITS).saturating_sub(1);
    let first = (bucket - (shift << SUB_BITS)) as u64;
    ((first + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_it_says_and_no_more_than_a_thirty_second_part() {
        for microseconds in (0..5_000).chain((5_000..40_000_000).step_by(997)) {
            let longest = longest_in(bucket(microseconds));
            assert!(microseconds <= longest && longest - microseconds <= microseconds / 32, "{microseconds} {longest}");
            assert_eq!(bucket(longest), bucket(microseconds));
            assert_eq!(bucket(longest + 1), bucket(microseconds) + 1);
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.percentile(50), latencies.longest()), (None, None));
        (1..=1_000).for_each(|milliseconds| latencies.record(Duration::from_millis(milliseconds)));
        for percent in [1, 50, 90, 99] {
            let found = latencies.percentile(percent).unwrap().as_micros();
            let exact = u128::from(percent) * 10_000;
            assert!(found >= exact && found - exact <= exact / 32, "{percent}: {found}");
        }
        assert_eq!(latencies.percentile(100), latencies.longest());
        assert_eq!(latencies.longest(), Some(Duration::from_secs(1)));
    }
}
