//! Which strangers go first. Nothing here closes anything: candidates come in, their numbers come out.

use std::{
    collections::{BinaryHeap, HashMap},
    net::IpAddr,
};

/// A connection that may be closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) id: u64,
    /// The other end's IPv4 address, or the /64 network of its IPv6 address.
    pub(super) network: IpAddr,
    /// Whether nothing is asked on it.
    pub(super) idle: bool,
    /// Since when nothing is asked, or since when something is; in milliseconds.
    pub(super) since: u64,
    /// What it takes.
    pub(super) bytes: usize,
    /// Whether it speaks HTTP/2.
    pub(super) http2: bool,
}

/// At most `count`: idle ones before busy ones, from the network that has the most of them, the longest idle first.
pub(super) fn longest_idle(candidates: Vec<Candidate>, count: usize) -> Vec<u64> {
    let (idle, busy): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|candidate| candidate.idle);
    let mut gone = Vec::with_capacity(count);
    for all in [idle, busy] {
        let missing = count - gone.len();
        take(all, |_| 1, |candidate| (0, candidate.since, candidate.id), missing, &mut gone);
    }
    gone
}

/// As many as take `bytes`, if there are: from the network that takes the most, the largest first, and the longest idle
/// among equals.
pub(super) fn largest(candidates: Vec<Candidate>, bytes: usize) -> Vec<u64> {
    let mut gone = Vec::new();
    let order = |candidate: &Candidate| (usize::MAX - candidate.bytes, candidate.since, candidate.id);
    take(candidates, |candidate| candidate.bytes, order, bytes, &mut gone);
    gone
}

/// Takes candidates that weigh `weight` together, always from the network that weighs the most, in order.
fn take(
    candidates: Vec<Candidate>,
    weigh: impl Fn(&Candidate) -> usize,
    order: impl Fn(&Candidate) -> (usize, u64, u64),
    weight: usize,
    gone: &mut Vec<u64>,
) {
    let mut networks: HashMap<IpAddr, (usize, Vec<Candidate>)> = HashMap::new();
    for candidate in candidates {
        let (sum, of_it) = networks.entry(candidate.network).or_default();
        *sum += weigh(&candidate);
        of_it.push(candidate);
    }
    let mut heap = BinaryHeap::with_capacity(networks.len());
    for (network, (sum, of_it)) in &mut networks {
        // The first to go stands last.
        of_it.sort_unstable_by_key(|candidate| std::cmp::Reverse(order(candidate)));
        let first = of_it.last().map_or((0, 0, 0), &order);
        heap.push((*sum, std::cmp::Reverse(first), *network));
    }
    let mut taken = 0;
    while taken < weight {
        let Some((sum, _, network)) = heap.pop() else { return };
        let Some((_, of_it)) = networks.get_mut(&network) else { continue };
        let Some(candidate) = of_it.pop() else { continue };
        let weighs = weigh(&candidate);
        taken += weighs;
        gone.push(candidate.id);
        if let Some(next) = of_it.last() {
            heap.push((sum - weighs, std::cmp::Reverse(order(next)), network));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: u64, network: u8, idle: bool, since: u64, bytes: usize) -> Candidate {
        Candidate { id, network: [10, 0, 0, network].into(), idle, since, bytes, http2: false }
    }

    #[test]
    fn the_longest_idle_of_the_address_with_the_most_goes_first() {
        let all = vec![
            candidate(1, 1, true, 10, 0),
            candidate(2, 2, true, 40, 0),
            candidate(3, 2, true, 30, 0),
            candidate(4, 2, true, 50, 0),
            candidate(5, 3, false, 1, 0),
        ];
        for (count, gone) in [
            (0, vec![]),
            (1, vec![3]),
            // Then both addresses have two and one.
            (2, vec![3, 2]),
            // Then one each: the longest idle of all.
            (3, vec![3, 2, 1]),
            (4, vec![3, 2, 1, 4]),
            // A busy one goes last, though it has been there longest.
            (5, vec![3, 2, 1, 4, 5]),
            (9, vec![3, 2, 1, 4, 5]),
        ] {
            assert_eq!(longest_idle(all.clone(), count), gone, "{count}");
        }
    }

    #[test]
    fn the_largest_of_the_address_that_takes_the_most_goes_first() {
        let all = vec![
            candidate(1, 1, true, 10, 8),
            candidate(2, 2, false, 40, 5),
            candidate(3, 2, true, 30, 5),
            candidate(4, 2, true, 50, 1),
        ];
        for (bytes, gone) in [(1, vec![3]), (5, vec![3]), (6, vec![3, 1]), (14, vec![3, 1, 2]), (99, vec![3, 1, 2, 4])]
        {
            assert_eq!(largest(all.clone(), bytes), gone, "{bytes}");
        }
    }
}
