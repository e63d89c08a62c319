//! The bytes of a connection, which is given up where its other end stops reading: without a bound, a client that does
//! not take its answer would keep a place, and the answer's memory, for ever. Each read is reported to the connection's
//! state, which knows whether a head has begun, and what a stranger has sent.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::server::connection::{
    answer::Stream,
    connections::{ConnectionState, Open, STALLED, Turn},
};

/// How long a subscriber that has said who it is may take none of what it is sent. It costs a few kilobytes, and
/// catches up from the log.
pub(in crate::server) const SUBSCRIBER_STALLED_MAX: Duration = Duration::from_secs(300);

/// How HTTP/2 begins, and no HTTP/1 request does.
const PREFACE: &[u8] = b"PRI *";
/// How much of one HTTP/1 head hyper gathers at most, and so how much it may take to read; by its own rule at least 8 KiB.
pub(in crate::server) const READ_BYTES_MAX: usize = 128 << 10;
/// How much hyper has free at least to read into, and so the least that it takes: it doubles its buffer when less is free.
const READ_BYTES_FREE: usize = 8 << 10;
/// Hyper's buffer for writing heads, from the first byte of HTTP/1 on.
const WRITE_BYTES: usize = 8 << 10;
/// How long a connection that is closed for being idle may still send, so that a client that asks at the same moment
/// sees an end and no reset.
const LINGERS_MAX: Duration = Duration::from_secs(1);

/// A stream whose writes fail once nothing could be written for a time. The connection is open as long as this exists.
pub(in crate::server) struct Impatient {
    stream: TcpStream,
    open: Open,
    timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    lingers: Option<Pin<Box<Sleep>>>,
    /// Bytes of the preface that came first; `None` once the version of HTTP is known.
    preface: Option<usize>,
    /// Bytes read since the last request came, and how many requests had come then.
    read: usize,
    requests: usize,
    /// How many of them are charged.
    charged: usize,
    turn: Turn,
}

/// Gives a connection, and its stream where it is one of HTTP/2, [`SUBSCRIBER_STALLED_MAX`] once there is a subscription.
#[derive(Clone)]
pub(in crate::server) struct Subscriber(Arc<ConnectionState>, Option<Arc<Stream>>);

impl Subscriber {
    pub(in crate::server) fn new(connection: Arc<ConnectionState>, stream: Option<Arc<Stream>>) -> Subscriber {
        Subscriber(connection, stream)
    }

    pub(in crate::server) fn begins(&self) {
        self.0.subscribes();
        self.1.iter().for_each(|stream| stream.subscribes());
    }
}

impl Impatient {
    pub(in crate::server) fn new(stream: TcpStream, open: Open, timeout: Duration) -> Impatient {
        let (stalled, lingers) = (None, None);
        Impatient {
            stream,
            open,
            timeout,
            stalled,
            lingers,
            preface: Some(0),
            read: 0,
            requests: 0,
            charged: 0,
            turn: Turn::default(),
        }
    }

    pub(in crate::server) fn state(&self) -> &Arc<ConnectionState> {
        self.open.state()
    }

    /// Something came.
    fn reads(&mut self, bytes: &[u8]) {
        let state = self.open.state();
        if let Some(matched) = self.preface {
            let rest = &PREFACE[matched..];
            let length = rest.len().min(bytes.len());
            self.preface = (rest[..length] == bytes[..length]).then_some(matched + length);
            if self.preface == Some(PREFACE.len()) {
                self.preface = None;
                state.speaks_http2();
            }
        }
        state.reads();
        if state.is_authenticated() {
            return;
        }
        let requests = state.requests();
        if requests != self.requests {
            (self.requests, self.read) = (requests, 0);
        }
        self.read = self.read.saturating_add(bytes.len());
        let takes = WRITE_BYTES + (self.read.min(READ_BYTES_MAX) + READ_BYTES_FREE).next_power_of_two();
        if takes > self.charged {
            state.charge(takes - self.charged);
            self.charged = takes;
        }
    }

    fn bound(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = if self.state().is_subscriber() { SUBSCRIBER_STALLED_MAX } else { self.timeout };
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stalled.as_mut().poll(context));
        self.stalled = None;
        self.state().gives_up(STALLED);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Impatient { turn, open, .. } = &mut *self;
        ready!(turn.poll(context, open.state()));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            self.reads(bytes);
        }
        Poll::Ready(Ok(()))
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
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if !self.state().was_idle() {
            return Poll::Ready(Ok(()));
        }
        // What comes now can't be answered. Unread, it would have the system reset the connection.
        let lingers = self.lingers.get_or_insert_with(|| Box::pin(sleep(LINGERS_MAX)));
        if lingers.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut dropped = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut dropped);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
