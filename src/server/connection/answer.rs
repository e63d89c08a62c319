//! An answer on its way: its body as hyper takes it, and when it is given up because the other end takes nothing.
//!
//! Over HTTP/1 the connection stalls, and `impatient.rs` sees it. Over HTTP/2 each answer may stall by itself, for the
//! other end says how much of it it takes: so each has a [`Stream`] that knows what was handed over and not sent. The
//! next part of a body is made when the last one is sent.

use std::{
    error::Error,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use hyper::{
    Response,
    body::{Body, Buf, Bytes, Frame, SizeHint},
    rt::Executor,
};
use metrics::counter;
use tokio::time::{Instant, sleep};

use crate::server::connection::{
    connections::{Asked, Held},
    impatient::SUBSCRIBER_STALLED_MAX,
};

tokio::task_local! {
    /// The HTTP/2 stream that a task serves.
    static STREAM: Arc<Stream>;
}

/// How fast an answer over HTTP/2 is to be taken at least, in bytes a second: more slowly, it would never end.
const TAKEN_BYTES_MIN: usize = 512;

/// A request and its answer over HTTP/2.
#[derive(Debug)]
pub(in crate::server) struct Stream {
    begun: Instant,
    /// How many bytes have to be sent in the time that it may stall.
    least: usize,
    /// Bytes sent since `moved`.
    sent_since: AtomicUsize,
    /// Bytes that hyper has and has not sent.
    unsent: AtomicUsize,
    /// When enough was sent last, or hyper got something while nothing waited; in milliseconds.
    moved: AtomicU64,
    subscribes: AtomicBool,
    given_up: AtomicBool,
    /// The task that waits until everything is sent.
    sent: AtomicWaker,
}

impl Stream {
    fn new(timeout: Duration) -> Stream {
        Stream {
            begun: Instant::now(),
            least: usize::try_from(timeout.as_secs()).unwrap_or(usize::MAX).saturating_mul(TAKEN_BYTES_MIN),
            sent_since: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            subscribes: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            sent: AtomicWaker::new(),
        }
    }

    /// The stream of the current task; `None` over HTTP/1.
    pub(in crate::server) fn current() -> Option<Arc<Stream>> {
        STREAM.try_with(Arc::clone).ok()
    }

    /// It is a subscription from now on, which may wait for longer.
    pub(in crate::server) fn subscribes(&self) {
        self.subscribes.store(true, Ordering::Relaxed);
    }

    fn hands_over(&self, bytes: usize) {
        self.moves();
        self.unsent.fetch_add(bytes, Ordering::AcqRel);
    }

    fn sends(&self, bytes: usize) {
        // What a subscriber has not taken is little, and takes no room from others.
        let sent = self.sent_since.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if sent >= self.least || self.subscribes.load(Ordering::Relaxed) {
            self.moves();
        }
        if self.unsent.fetch_sub(bytes, Ordering::AcqRel) == bytes {
            self.sent.wake();
        }
    }

    fn moves(&self) {
        self.sent_since.store(0, Ordering::Relaxed);
        let elapsed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(elapsed, Ordering::Relaxed);
    }

    /// Ready once everything is sent that was handed over; an error where that takes too long.
    fn poll_sent(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.load(Ordering::Acquire) == 0 {
            return Poll::Ready(Ok(()));
        }
        self.sent.register(context.waker());
        if self.given_up.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if self.unsent.load(Ordering::Acquire) == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Returns once too little of what waits was sent for `timeout`.
    async fn stalls(&self, timeout: Duration) {
        loop {
            let limit = if self.subscribes.load(Ordering::Relaxed) { SUBSCRIBER_STALLED_MAX } else { timeout };
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let left = (moved + limit).saturating_sub(self.begun.elapsed());
            let waits = self.unsent.load(Ordering::Acquire) > 0;
            if waits && left.is_zero() {
                self.given_up.store(true, Ordering::Release);
                return;
            }
            // A wait that begins meanwhile is seen at most a quarter of the time too late.
            sleep(if waits { left.min(limit) } else { limit }.min(timeout / 4).max(Duration::from_millis(1))).await;
        }
    }
}

/// Runs the requests of HTTP/2 connections, each in a task, and gives up those whose answers nobody takes.
#[derive(Clone, Debug)]
pub(in crate::server) struct Streams {
    pub(in crate::server) timeout: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, request: F) {
        let timeout = self.timeout;
        tokio::spawn(async move {
            let stream = Arc::new(Stream::new(timeout));
            let mut request = pin!(STREAM.scope(Arc::clone(&stream), request));
            tokio::select! {
                biased;
                _ = &mut request => return,
                () = stream.stalls(timeout) => {}
            }
            counter!("clockfold_streams_reset_total").increment(1);
            // Where a part of the answer is on its way, its body says that it has failed, and hyper drops the waiting
            // parts and resets the stream. Where none is, dropping the request does.
            poll_fn(|context| Poll::Ready(request.as_mut().poll(context).is_ready())).await;
        });
    }
}

/// The body of an answer.
pub(in crate::server) struct Answer<B> {
    body: B,
    stream: Option<Arc<Stream>>,
    begun: bool,
    _asked: Asked,
    _held: Option<Arc<Held>>,
}

impl<B> Answer<B> {
    /// The same response, whose body keeps the request unanswered until it is sent.
    pub(in crate::server) fn of(
        mut response: Response<B>,
        stream: Option<Arc<Stream>>,
        asked: Asked,
    ) -> Response<Answer<B>> {
        let held = response.extensions_mut().remove::<Arc<Held>>();
        response.map(|body| Answer { body, stream, begun: false, _asked: asked, _held: held })
    }
}

/// Gives an answer's room back when it is sent.
pub(in crate::server) fn keep<B>(held: Held, response: &mut Response<B>) {
    response.extensions_mut().insert(Arc::new(held));
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Piece;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Self::Error>>> {
        if let Some(stream) = &self.stream {
            ready!(stream.poll_sent(context))?;
        }
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else { return Poll::Ready(None) };
        self.begun = true;
        let piece = |bytes| Piece::of(bytes, self.stream.clone());
        Poll::Ready(Some(frame.map(|frame| frame.map_data(piece)).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        // Hyper asks for the end after the last part, once it has sent what came before, up to what it gathers: until
        // then the request is not answered, nor its room given back.
        !self.begun && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A part of an answer.
#[derive(Debug)]
pub(in crate::server) struct Piece {
    bytes: Bytes,
    stream: Option<Arc<Stream>>,
}

impl Piece {
    fn of(bytes: Bytes, stream: Option<Arc<Stream>>) -> Piece {
        if let Some(stream) = &stream {
            stream.hands_over(bytes.len());
        }
        Piece { bytes, stream }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(stream) = &self.stream {
            stream.sends(count);
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.as_ref().filter(|_| !self.bytes.is_empty()) {
            stream.sends(self.bytes.len());
        }
    }
}
