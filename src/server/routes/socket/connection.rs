//! One WebSocket: what the client says, what its operations have to say, and how it ends.
//!
//! One task serves it, and takes an operation's next message only when the last one is written: a client that reads
//! slowly slows only itself. Whatever ends the connection does so also during a write, for the client may never read.

use std::{
    future::{pending, poll_fn},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::{CapacityError, ProtocolError},
        protocol::CloseFrame,
    },
};

use crate::{
    access::Viewer,
    server::{
        admission::{
            access::Stranger,
            pass::{Pass, Vigil},
        },
        app::App,
        connection::impatient::{Impatient, SUBSCRIBER_STALLED_MAX},
        connection::peer::Peer,
        routes::socket::{
            frames::frames,
            message::{self, Close, Said},
            operation::{Asked, Running, Says, errors, run},
        },
    },
};

/// Messages that are written together where several are ready.
const TOGETHER_MAX: usize = 32;
/// How long the other end may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Who a client is, and what says so.
pub(super) struct Who {
    pub(super) viewer: Viewer,
    pub(super) pass: Option<Pass>,
}

/// A connection.
pub(super) struct Connection {
    app: Arc<App>,
    peer: Peer,
    socket: WebSocketStream<Impatient>,
    who: Result<Who, Stranger>,
    vigil: Vigil,
    /// The id of the request that opened it.
    request_id: String,
    introduced: bool,
    operations: Vec<Operation>,
    /// Which operation is polled first: each in its turn.
    turn: usize,
    heard: Instant,
    wrote: Instant,
    /// When we next check whether the client is there.
    due: Instant,
}

struct Operation {
    id: String,
    /// The id as JSON.
    quoted: String,
    running: Running,
}

/// What happens next.
enum Event {
    Ending,
    /// Others need its place.
    Evicted,
    Due,
    /// The client's pass may have ended.
    Doubt,
    Heard(Option<Result<Message, Error>>),
    Says(usize, Option<Says>),
}

/// How a connection ends.
enum End {
    /// We say why.
    Close(Close),
    /// The other end has gone.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> End {
        End::Close(close)
    }
}

impl Connection {
    pub(super) fn new(
        app: Arc<App>,
        peer: Peer,
        socket: WebSocketStream<Impatient>,
        who: Result<Who, Stranger>,
        request_id: String,
    ) -> Connection {
        let now = Instant::now();
        let due = now + app.following.limits.init_timeout;
        let (heard, wrote) = (now, now);
        let vigil = Vigil::over(pass_of(&who), &app.access);
        Connection {
            app,
            peer,
            socket,
            who,
            vigil,
            request_id,
            introduced: false,
            operations: Vec::new(),
            turn: 0,
            heard,
            wrote,
            due,
        }
    }

    /// Serves it to its end. A client that speaks another protocol is refused.
    pub(super) async fn serve(mut self, spoken: bool) {
        let end = if spoken { self.run().await } else { Err(Close::subprotocol().into()) };
        self.operations.clear();
        if let Err(End::Close(Close { code, reason })) = end {
            tracing::debug!(code, "a WebSocket is closed");
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            let goodbye = async {
                if self.socket.close(Some(frame)).await.is_ok() {
                    while self.socket.next().await.is_some_and(|message| message.is_ok()) {}
                }
            };
            tokio::select! {
                _ = timeout(GOODBYE, goodbye) => {}
                () = self.peer.1.ends() => {}
            }
        }
    }

    async fn run(&mut self) -> Result<(), End> {
        loop {
            match self.next().await {
                Event::Ending => return Err(Close::going_away().into()),
                Event::Evicted => return Err(End::Gone),
                Event::Due => self.look_after().await?,
                Event::Doubt => self.check()?,
                Event::Heard(None) => return Err(End::Gone),
                Event::Heard(Some(message)) => {
                    self.heard = Instant::now();
                    self.hear(message).await?;
                }
                Event::Says(index, says) => self.pass_on(index, says).await?,
            }
        }
    }

    async fn next(&mut self) -> Event {
        let (app, connection) = (Arc::clone(&self.app), Arc::clone(&self.peer.1));
        tokio::select! {
            biased;
            () = app.following.ending.cancelled() => Event::Ending,
            () = connection.ends() => Event::Evicted,
            () = sleep_until(self.due) => Event::Due,
            () = self.vigil.passes() => Event::Doubt,
            message = self.socket.next() => Event::Heard(message),
            (index, says) = next_of(&mut self.operations, &mut self.turn) => Event::Says(index, says),
        }
    }

    async fn hear(&mut self, message: Result<Message, Error>) -> Result<(), End> {
        match message {
            Ok(Message::Text(text)) => match Said::read(&text)? {
                Said::Init(payload) => self.introduce(&payload).await,
                // A stranger's payload is not sent back to it.
                Said::Ping(payload) => self.send(message::pong(payload.filter(|_| self.introduced))).await,
                Said::Pong => Ok(()),
                Said::Subscribe { id, payload } => self.subscribe(id, payload).await,
                Said::Complete { id } => {
                    self.operations.retain(|operation| operation.id != id);
                    Ok(())
                }
            },
            Ok(Message::Binary(_)) => Err(Close::bad("A message is text.").into()),
            // The answers to these are made by the library, and are written with the next flush.
            Ok(Message::Ping(_) | Message::Close(_)) => written(self.ended(), self.socket.flush()).await,
            Ok(Message::Pong(_) | Message::Frame(_)) => Ok(()),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                Err(Close::too_large(self.app.following.limits.message_bytes_max).into())
            }
            Err(Error::Utf8(_)) => Err(Close::new(1007, "Text is UTF-8.").into()),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Err(End::Gone),
            Err(Error::Protocol(_)) => Err(Close::new(1002, "This is not the WebSocket protocol.").into()),
            Err(_) => Err(End::Gone),
        }
    }

    async fn introduce(&mut self, payload: &Map<String, Value>) -> Result<(), End> {
        if self.introduced {
            return Err(Close::too_many_inits().into());
        }
        // Without any reader configured, only this machine itself has come here.
        if !self.app.access.readers.is_empty()
            && let Some(token) = message::token(payload)
        {
            let viewer = self.app.access.authenticate(self.peer.clone(), Some(token));
            let viewer = viewer.map_err(|_| Close::forbidden("the token is not known."))?;
            self.who = Ok(Who { viewer, pass: Some(Pass::token(token)) });
        }
        if let Err(stranger) = self.who {
            return Err(Close::forbidden(stranger.words()).into());
        }
        self.check()?;
        self.introduced = true;
        self.peer.1.subscribes();
        self.due = Instant::now() + self.app.following.limits.look_interval();
        self.send(message::ack()).await
    }

    async fn subscribe(&mut self, id: String, payload: Value) -> Result<(), End> {
        let (Ok(who), true) = (&self.who, self.introduced) else {
            return Err(Close::unauthorized().into());
        };
        if self.operations.iter().any(|operation| operation.id == id) {
            return Err(Close::id_in_use(&id).into());
        }
        let quoted = message::quoted(&id);
        let max = self.app.following.limits.operations_max;
        if self.operations.len() >= max {
            let words = format!("This connection has {max} operations already: end one, or open another connection.");
            return self.send(message::error(&quoted, &errors("TOO_MANY_OPERATIONS", &words))).await;
        }
        let asked = Asked { payload, viewer: who.viewer.clone(), request_id: self.request_id.clone() };
        let running = run(Arc::clone(&self.app), Arc::clone(&self.peer.1), asked);
        self.operations.push(Operation { id, quoted, running });
        Ok(())
    }

    /// Passes on what an operation says, and whatever else is ready.
    async fn pass_on(&mut self, index: usize, says: Option<Says>) -> Result<(), End> {
        let mut next = Some((index, says));
        let mut count = 0;
        while let Some((index, says)) = next {
            let quoted = &self.operations[index].quoted;
            let text = match &says {
                Some(Says::Next(response)) => message::next(quoted, response),
                Some(Says::Error(errors)) => message::error(quoted, errors),
                None => message::complete(quoted),
            };
            if !matches!(says, Some(Says::Next(_))) {
                self.operations.remove(index);
            }
            self.feed(text).await?;
            count += 1;
            next =
                if count < TOGETHER_MAX { next_of(&mut self.operations, &mut self.turn).now_or_never() } else { None };
        }
        written(self.ended(), self.socket.flush()).await?;
        self.wrote = Instant::now();
        Ok(())
    }

    /// Ends a connection whose client is gone, and asks any other whether it is there.
    async fn look_after(&mut self) -> Result<(), End> {
        if !self.introduced {
            return Err(Close::init_timeout().into());
        }
        let interval = self.app.following.limits.look_interval();
        // A slow reader comes to a ping only after everything that was written before it.
        let silent = self.heard.max(self.wrote).elapsed() >= interval * 2;
        if silent || self.heard.elapsed() >= SUBSCRIBER_STALLED_MAX {
            return Err(End::Gone);
        }
        self.check()?;
        self.due = Instant::now() + interval;
        written(self.ended(), self.socket.send(Message::Ping(Vec::new().into()))).await
    }

    /// Ends it where the client's pass has ended: its token or its session may have expired.
    fn check(&mut self) -> Result<(), End> {
        let pass = pass_of(&self.who);
        // First: what happens after the look is then seen.
        self.vigil = Vigil::over(pass, &self.app.access);
        pass.and_then(|pass| pass.ended(&self.app.access)).map_or(Ok(()), |why| Err(Close::forbidden(&why).into()))
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        self.feed(text).await?;
        written(self.ended(), self.socket.flush()).await
    }

    /// Takes a frame when the one before it is sent, but for what is gathered.
    async fn feed(&mut self, text: String) -> Result<(), End> {
        for frame in frames(text) {
            written(self.ended(), self.socket.feed(frame)).await?;
        }
        Ok(())
    }

    /// Returns when it ends, whatever is being written.
    fn ended(&self) -> impl Future<Output = End> + use<> {
        let (app, connection) = (Arc::clone(&self.app), Arc::clone(&self.peer.1));
        let due = (!self.introduced).then_some(self.due);
        let introduction = async move {
            match due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        async move {
            tokio::select! {
                () = app.following.ending.cancelled() => Close::going_away().into(),
                () = connection.ends() => End::Gone,
                () = introduction => Close::init_timeout().into(),
            }
        }
    }
}

fn pass_of(who: &Result<Who, Stranger>) -> Option<&Pass> {
    who.as_ref().ok()?.pass.as_ref()
}

/// Waits until something is written, unless the connection ends meanwhile.
async fn written(
    ended: impl Future<Output = End>,
    writing: impl Future<Output = Result<(), Error>>,
) -> Result<(), End> {
    tokio::select! {
        biased;
        written = writing => written.map_err(|_| End::Gone),
        end = ended => Err(end),
    }
}

/// What one of the operations says next, each in its turn; never returns where there is none.
async fn next_of(operations: &mut [Operation], turn: &mut usize) -> (usize, Option<Says>) {
    poll_fn(|context| {
        let count = operations.len();
        for offset in 0..count {
            let index = (*turn + offset) % count;
            if let Poll::Ready(says) = operations[index].running.poll_next_unpin(context) {
                *turn = index + 1;
                return Poll::Ready((index, says));
            }
        }
        Poll::Pending
    })
    .await
}
