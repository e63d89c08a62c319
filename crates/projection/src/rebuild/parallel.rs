//! Work for all cores whose results come in the order of the work.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::Scope,
};

/// Pieces of work, and results, that wait for a thread.
const WAITING: usize = 2;

/// Where pieces of work are handed in, in order.
pub(crate) struct Feed<T> {
    workers: Vec<SyncSender<T>>,
    next: usize,
}

/// Results in the order of the work. It ends early where nobody feeds it.
pub(crate) struct InOrder<R> {
    workers: Vec<Receiver<R>>,
    next: usize,
}

impl<T> Feed<T> {
    /// Hands in the next piece; `false` where nobody wants results.
    pub(crate) fn put(&mut self, piece: T) -> bool {
        let worker = self.next % self.workers.len();
        self.next += 1;
        self.workers[worker].send(piece).is_ok()
    }
}

impl<R> Iterator for InOrder<R> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        let worker = self.next % self.workers.len();
        self.next += 1;
        self.workers[worker].recv().ok()
    }
}

/// Runs `feed` on a thread and `work` on `threads` others. Pieces go to the threads in turn, so few wait at a time.
pub(crate) fn in_order<'scope, T, R>(
    scope: &'scope Scope<'scope, '_>,
    threads: usize,
    feed: impl FnOnce(&mut Feed<T>) + Send + 'scope,
    work: impl Fn(T) -> R + Send + Clone + 'scope,
) -> InOrder<R>
where
    T: Send + 'scope,
    R: Send + 'scope,
{
    let (mut pieces, mut results) = (Vec::new(), Vec::new());
    for _ in 0..threads.max(1) {
        let (piece, taken) = sync_channel(WAITING);
        let (result, given) = sync_channel(WAITING);
        let work = work.clone();
        scope.spawn(move || {
            for piece in taken {
                if result.send(work(piece)).is_err() {
                    break;
                }
            }
        });
        pieces.push(piece);
        results.push(given);
    }
    scope.spawn(move || feed(&mut Feed { workers: pieces, next: 0 }));
    InOrder { workers: results, next: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work() {
        for threads in [0, 1, 2, 5] {
            let squares: Vec<u64> = std::thread::scope(|scope| {
                let feed = |feed: &mut Feed<u64>| (0..1_000).for_each(|number| assert!(feed.put(number)));
                in_order(scope, threads, feed, |number| number * number).collect()
            });
            assert_eq!(squares, (0..1_000).map(|number| number * number).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn who_stops_listening_stops_the_work() {
        let fed = std::thread::scope(|scope| {
            let (tell, told) = sync_channel(1);
            let feed = move |feed: &mut Feed<u64>| {
                let count = (0..1_000_000).take_while(|number| feed.put(*number)).count();
                tell.send(count).unwrap();
            };
            let results = in_order(scope, 2, feed, |number| number);
            assert_eq!(results.take(3).count(), 3);
            told.recv().unwrap()
        });
        assert!(fed < 100, "{fed}");
    }
}
