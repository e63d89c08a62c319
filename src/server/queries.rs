//! Where GraphQL is executed: on threads that may wait for a disk, of which there are few.
//!
//! What is known to take little has threads of its own. A query that takes long, or that nobody has asked before, waits
//! for others of its kind, on threads that yield the processor to whoever takes deliveries in. What waits for the
//! writer, or goes on, has neither of them.

use std::{io, num::NonZero, sync::Arc, thread};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::graphql::Effort;

/// How much less than the others a thread gets of the processor that executes what may take long.
const NICE: i32 = 10;

/// Threads for GraphQL.
pub(in crate::server) struct QueryThreads {
    quick: Lane,
    slow: Lane,
    waiting: Arc<Semaphore>,
}

/// Threads, and how many answers may be without room at a time. It is more than there are threads, so that an answer
/// whose room is taken keeps none from its work.
struct Lane {
    permits: Arc<Semaphore>,
    /// Always there; only its end takes it.
    threads: Option<Runtime>,
}

/// A place in a lane.
pub(in crate::server) struct Place {
    permit: OwnedSemaphorePermit,
    threads: Handle,
}

impl QueryThreads {
    /// As many as this machine's cores can use.
    pub(in crate::server) fn start() -> io::Result<QueryThreads> {
        let cores = thread::available_parallelism().map_or(2, NonZero::get);
        let nice = || {
            // Where that is not allowed, it is as it was.
            let _ = rustix::process::setpriority_process(None, NICE);
        };
        Ok(QueryThreads {
            quick: Lane::start("quick-queries", (2 * cores).clamp(4, 32), || {})?,
            slow: Lane::start("slow-queries", cores.clamp(2, 16), nice)?,
            waiting: Arc::new(Semaphore::new((8 * cores).clamp(16, 64))),
        })
    }

    /// Waits for a place to execute something. Whoever gives up waiting leaves the queue.
    pub(in crate::server) async fn place(&self, effort: Effort) -> Place {
        let (permits, threads) = match effort {
            Effort::Little => self.quick.parts(),
            Effort::Unknown => self.slow.parts(),
            Effort::Waits => (&self.waiting, Handle::current()),
        };
        let permit = Arc::clone(permits).acquire_owned().await.expect("no lane is ever closed");
        Place { permit, threads }
    }
}

impl Lane {
    fn start(name: &str, threads: usize, at_start: impl Fn() + Send + Sync + 'static) -> io::Result<Lane> {
        let runtime = Builder::new_current_thread()
            .thread_name(name)
            .max_blocking_threads(threads)
            .on_thread_start(at_start)
            .build()?;
        Ok(Lane { permits: Arc::new(Semaphore::new(2 * threads)), threads: Some(runtime) })
    }

    fn parts(&self) -> (&Arc<Semaphore>, Handle) {
        let threads = self.threads.as_ref().expect("it has not ended");
        (&self.permits, threads.handle().clone())
    }
}

impl Drop for Lane {
    /// Waits for nobody: a query that still runs has no client left.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Place {
    /// Executes it there. The permit is to be kept until the answer has its room: so no more answers are without room
    /// than may be made at a time. `None`: it met a defect.
    pub(in crate::server) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<(T, OwnedSemaphorePermit)> {
        let Place { permit, threads } = self;
        // The work has the permit meanwhile: it goes on where nobody waits for it any more.
        threads.spawn_blocking(move || (work(), permit)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use tokio::{runtime::Builder, time::timeout};

    use super::*;

    #[test]
    fn what_takes_little_does_not_wait_for_what_takes_long_nor_does_what_waits() {
        let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
        let queries = Arc::new(QueryThreads::start().unwrap());
        let (end, ends) = mpsc::channel::<()>();
        let ends = Arc::new(std::sync::Mutex::new(ends));
        let soon = Duration::from_millis(200);
        runtime.block_on(async {
            let mut slow = Vec::new();
            // Until there is no place any more.
            while let Ok(place) = timeout(soon, queries.place(Effort::Unknown)).await {
                let ends = Arc::clone(&ends);
                slow.push(tokio::spawn(
                    place.run(move || ends.lock().map(|ends| ends.recv().is_err()).unwrap_or(true)),
                ));
            }
            assert!(slow.len() >= 4, "{}", slow.len());
            for effort in [Effort::Little, Effort::Waits] {
                let done = async { queries.place(effort).await.run(move || effort).await };
                let (done, _permit) = timeout(soon * 50, done).await.expect("nobody is in its way").unwrap();
                assert_eq!(done, effort);
            }
            drop(end);
            for one in slow {
                assert!(matches!(one.await.unwrap(), Some((true, _))));
            }
            assert!(timeout(soon * 50, queries.place(Effort::Unknown)).await.is_ok());
        });
    }
}
