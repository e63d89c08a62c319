//! Chance without surprises: one stream of numbers from a seed, the same on every machine.
//!
//! Nothing here is a secret, and nothing needs more than to look random. Waiting times come from a table of quantiles
//! and not from `exp` and `ln`, whose last bits differ between machines.

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(u64);

/// The quantiles of a log-normal distribution with median 1,000 and a sigma of 0.7, in sixteenths. The ends are
/// where one of a hundred lies: a wait has a bound.
const LOG_NORMAL: [u64; 17] =
    [186, 342, 447, 537, 624, 710, 800, 896, 1_000, 1_116, 1_250, 1_408, 1_603, 1_861, 2_237, 2_926, 5_099];

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below `bound`; 0 where that is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `least` to `most`, both included; `least` where `most` is less.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        let width = u64::try_from(most.saturating_sub(least)).unwrap_or(0);
        least + self.below(width + 1).cast_signed()
    }

    /// True this often in a thousand.
    pub(super) fn chance(&mut self, in_a_thousand: u64) -> bool {
        self.below(1_000) < in_a_thousand
    }

    /// A waiting time with this median: half are shorter, a few are several times as long. The mean is 1.26 medians.
    pub(super) fn wait(&mut self, median_ms: i64) -> i64 {
        median_ms * self.along(&LOG_NORMAL).cast_signed() / 1_000
    }

    /// A value of a distribution, given by its quantiles at equal steps.
    pub(super) fn along(&mut self, quantiles: &[u64]) -> u64 {
        const STEP: u64 = 1 << 32;
        let steps = quantiles.len().saturating_sub(1) as u64;
        let place = self.below(steps * STEP);
        let index = usize::try_from(place / STEP).unwrap_or(0);
        let (from, to) = (quantiles[index], quantiles[index + 1]);
        from + ((to - from) * (place % STEP) / STEP)
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }
}

/// A number that looks random, for a number that does not; no two have the same.
pub(super) fn mixed(number: u64) -> u64 {
    let mut bits = number;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_published_ones() {
        let mut random = Random::new(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn waits_have_their_median_and_their_mean() {
        let mut random = Random::new(7);
        let mut waits: Vec<i64> = (0..100_000).map(|_| random.wait(60_000)).collect();
        waits.sort_unstable();
        assert!((58_000..62_000).contains(&waits[50_000]), "{}", waits[50_000]);
        let mean = waits.iter().sum::<i64>() / 100_000;
        assert!((72_000..80_000).contains(&mean), "{mean}");
    }
}
