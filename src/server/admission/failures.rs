//! Failed authentications by address: they slow down guessing, and never a valid credential.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock as _, clock::DefaultClock};

use crate::server::problem::Problem;

/// After how many failures addresses are forgotten that have recovered.
const CLEAN_UP_EVERY: u32 = 1024;

/// One bucket for each address: `burst` failures at once, then one a second.
pub(in crate::server) struct Failures {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    count: AtomicU32,
}

impl Failures {
    pub(in crate::server) fn new(burst: u32) -> Failures {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let limiter = DefaultKeyedRateLimiter::keyed(Quota::per_second(NonZeroU32::MIN).allow_burst(burst));
        Failures { limiter, count: AtomicU32::new(0) }
    }

    /// Counts a failure. Returns `otherwise`, or that the address has to wait.
    pub(in crate::server) fn count(&self, address: IpAddr, otherwise: Problem) -> Problem {
        if self.count.fetch_add(1, Ordering::Relaxed) % CLEAN_UP_EVERY == CLEAN_UP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(&network(address)) {
            Ok(()) => otherwise,
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Problem::TooManyFailures { retry_after_s: wait.as_secs() + 1 }
            }
        }
    }
}

/// An IPv4 address, or the /64 network of an IPv6 address: the holder of one of its addresses has them all.
pub(in crate::server) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
