//! A connection that is given up where its other end stops reading: without a bound, whoever asks and
//! does not take the answer would keep a place, and the answer's memory, for ever.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a subscriber may take none of what it is sent. It costs a few kilobytes, and is caught up from the log.
pub(super) const SUBSCRIBER_STALLED_MAX: Duration = Duration::from_secs(300);

/// A stream whose writes fail once nothing could be written for a time.
pub(super) struct Impatient {
    stream: TcpStream,
    timeout: Duration,
    subscriber: Subscriber,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Whether a connection has a subscription, and is given [`SUBSCRIBER_STALLED_MAX`] from then on.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriber(Arc<AtomicBool>);

impl Subscriber {
    pub(super) fn begins(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Impatient {
    pub(super) fn new(stream: TcpStream, timeout: Duration, subscriber: Subscriber) -> Impatient {
        Impatient { stream, timeout, subscriber, stalled: None }
    }

    fn bound(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = if self.subscriber.0.load(Ordering::Relaxed) { SUBSCRIBER_STALLED_MAX } else { self.timeout };
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bound(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.bound(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
