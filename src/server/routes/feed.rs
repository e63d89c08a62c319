//! `GET /feed?after=&source=`: every delivery as a server-sent event with its cursor as id, for downstream programs.
//!
//! A reader that comes back with `Last-Event-ID` goes on where it was. A feed ends with an event that says why: the
//! server stops, the credential no longer counts, something can't be read, or its reader takes nothing for too long.
//! Only a bounded number of events waits for a reader; the rest is in the log.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::timeout,
};
use warp::{
    Filter, Rejection,
    http::{HeaderMap, HeaderName, Method},
    reply::Response,
    sse::Event,
};

use crate::{
    graphql::{Effort, Feed, FeedItem},
    log::Cursor,
    server::{
        admission::pass::{Pass, Vigil},
        app::{App, measured, with},
        connection::impatient::Subscriber,
        connection::peer::Peer,
        problem::Problem,
        request_id::RequestId,
        routes::{
            events,
            parameters::{cursor, parameters},
        },
    },
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Events that wait for their reader.
const WAITING_MAX: usize = 4;
/// After how long a browser comes back.
const RETRY: Duration = Duration::from_secs(1);

pub(in crate::server) fn route(
    app: &Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    warp::path!("feed")
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::ext::get::<RequestId>())
        .and(warp::ext::get::<Subscriber>())
        .and(with(app))
        .then(
            |method: Method,
             query: String,
             headers: HeaderMap,
             peer,
             id: RequestId,
             subscriber: Subscriber,
             app: Arc<App>| {
                measured("feed", async move {
                    answer(&app, &method, &query, &headers, peer, &id, &subscriber)
                        .await
                        .unwrap_or_else(Problem::response)
                })
            },
        )
}

async fn answer(
    app: &Arc<App>,
    method: &Method,
    query: &str,
    headers: &HeaderMap,
    peer: Peer,
    id: &RequestId,
    subscriber: &Subscriber,
) -> Result<Response, Problem> {
    let (viewer, pass) = app.access.asker(peer, headers, true)?;
    if method != Method::GET {
        return Err(Problem::MethodNotAllowed { allow: "GET" });
    }
    let [address_after, source] = parameters(query, ["after", "source"]).ok_or(Problem::BadFeed)?;
    let after = match headers.get(LAST_EVENT_ID).filter(|last| !last.is_empty()) {
        // An `EventSource` that comes back has the address that it began with.
        Some(last) => Some(last.to_str().ok().and_then(cursor).ok_or(Problem::BadFeed)?),
        None => address_after.map(|after| cursor(after).ok_or(Problem::BadFeed)).transpose()?,
    };
    let earlier = address_after.and_then(cursor);
    let source = source.map(str::to_owned);
    if app.draining() {
        return Err(Problem::Draining);
    }
    let place = Arc::clone(&app.following.subscription_permits).try_acquire_owned();
    let place = place.map_err(|_| Problem::TooManySubscriptions)?;
    let waited = timeout(app.graph.limits().execution_timeout, app.queries.place(Effort::Waits)).await;
    let queue = waited.map_err(|_| Problem::TooManyQueries)?;
    let begin = {
        let (app, id) = (Arc::clone(app), id.to_string());
        move || app.graph.feed(source.as_deref(), after, earlier, viewer, &id)
    };
    let (feed, _) = queue.run(begin).await.ok_or(Problem::Internal)?;
    let feed = feed.map_err(|why| Problem::of_feed(why, Problem::BadFeed))?;
    subscriber.begins();
    Ok(tell(feed, Arc::clone(app), pass, place))
}

/// Why a feed ends.
struct End {
    code: String,
    detail: String,
}

impl End {
    fn because(code: &str, detail: &str) -> End {
        End { code: code.to_owned(), detail: detail.to_owned() }
    }

    fn server_stops() -> End {
        End::because("SERVER_STOPS", "The server stops. Come back with the id of the last event.")
    }

    fn event(self) -> Event {
        let data = serde_json::json!({ "code": self.code, "detail": self.detail });
        Event::default().event("end").data(data.to_string())
    }
}

/// The answer: the events of a feed, and at last why there are no more.
fn tell(feed: Feed, app: Arc<App>, pass: Option<Pass>, place: OwnedSemaphorePermit) -> Response {
    let (tell, told) = mpsc::channel(WAITING_MAX + 1);
    // A reader that knows its cursor before the first event misses nothing when it comes back.
    let begun = Event::default().id(feed.after.to_string()).retry(RETRY);
    let first = stream::once(async { Ok::<_, std::convert::Infallible>(begun) });
    tokio::spawn(async move {
        let _held = place;
        // The last event has a place, however little the reader takes.
        let Ok(last) = tell.clone().reserve_owned().await else { return };
        if let Some(end) = follow(feed.told, &tell, &app, pass.as_ref()).await {
            last.send(Ok(end.event()));
        }
    });
    let rest = stream::unfold(told, |mut told| async move { told.recv().await.map(|event| (event, told)) });
    events::answer(first.chain(rest))
}

/// Sends what comes until the feed ends; `None` where the reader has gone.
async fn follow(
    told: impl Stream<Item = FeedItem>,
    tell: &mpsc::Sender<Result<Event, std::convert::Infallible>>,
    app: &App,
    pass: Option<&Pass>,
) -> Option<End> {
    let mut told = pin!(told);
    let slow_max = app.following.limits.look_interval() * 2;
    let mut look = tokio::time::interval(app.following.limits.look_interval());
    let mut vigil = Vigil::over(pass, &app.access);
    loop {
        let next = tokio::select! {
            // Notices a reader that has gone also while there is nothing to send.
            () = tell.closed() => return None,
            () = app.following.ending.cancelled() => return Some(End::server_stops()),
            _ = async { tokio::select! { _ = look.tick() => {}, () = vigil.passes() => {} } } => {
                // First: what happens after the look is then seen.
                vigil = Vigil::over(pass, &app.access);
                match pass.filter(|pass| pass.ended(&app.access).is_some()) {
                    Some(Pass::Token(_)) => return Some(End::because("CREDENTIAL_EXPIRED", "The credential is no longer valid. Come back with another one.")),
                    Some(Pass::Session(_)) => return Some(End::because("SIGNED_OUT", "The browser is signed out. Sign in and come back.")),
                    None => continue,
                }
            }
            next = told.next() => next,
        };
        let event = match next {
            Some(FeedItem::Delivery { cursor, json }) => delivery(cursor, json),
            Some(FeedItem::Failed { code, detail }) => return Some(End { code, detail }),
            None => return Some(End::server_stops()),
        };
        let sent = tokio::select! {
            sent = timeout(slow_max, tell.send(Ok(event))) => sent,
            // The event that was not taken is not sent, and so none after it.
            () = app.following.ending.cancelled() => return Some(End::server_stops()),
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => {
                return Some(End::because(
                    "SLOW_READER",
                    "Nothing was taken for too long. Come back with the id of the last event: nothing is lost.",
                ));
            }
        }
    }
}

fn delivery(cursor: Cursor, json: String) -> Event {
    Event::default().id(cursor.to_string()).data(json)
}
