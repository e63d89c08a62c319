//! `GET /board.csv?source=&endedWithinHours=`: the board as a file for a spreadsheet, for readers.

use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use warp::{
    Filter, Rejection,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    reply::Response,
};

use crate::{
    projection::Deadline,
    server::{
        app::{App, measured, with},
        connection::chunks::{Chunks, written},
        connection::peer::Peer,
        problem::Problem,
        routes::parameters::parameters,
    },
};

/// How long writing one may take, its reader's time included.
const WRITING_MAX: Duration = Duration::from_secs(60);

pub(in crate::server) fn route(
    app: &Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    warp::path!("board.csv")
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(with(app))
        .then(|method: Method, query: String, headers: HeaderMap, peer, app: Arc<App>| {
            measured("board.csv", async move {
                answer(&app, &method, &query, &headers, peer).await.unwrap_or_else(Problem::response)
            })
        })
}

async fn answer(
    app: &Arc<App>,
    method: &Method,
    query: &str,
    headers: &HeaderMap,
    peer: Peer,
) -> Result<Response, Problem> {
    let viewer = app.access.viewer(peer, headers)?;
    if method != Method::GET {
        return Err(Problem::MethodNotAllowed { allow: "GET" });
    }
    let [source, hours] = parameters(query, ["source", "endedWithinHours"]).ok_or(Problem::BadBoard)?;
    let hours = hours.map(str::parse).transpose().map_err(|_| Problem::BadBoard)?;
    let source = source.map(str::to_owned);
    if app.draining() {
        return Err(Problem::Draining);
    }
    let permit = Arc::clone(&app.csv_permits).try_acquire_owned().map_err(|_| Problem::TooManyQueries)?;
    let (deadline, waiting) = Deadline::until(Instant::now() + WRITING_MAX);
    let begin = {
        let app = Arc::clone(app);
        move || app.graph.board_csv(source.as_deref(), hours, viewer, deadline)
    };
    let board = tokio::task::spawn_blocking(begin).await.map_err(|_| Problem::Internal)?;
    let board = board.map_err(|why| Problem::of_feed(why, Problem::BadBoard))?;
    let name = format!("attachment; filename=\"board-{}.csv\"", board.as_of().format("%Y%m%dT%H%M%SZ"));
    let write = move |_: &App, mut chunks: Chunks<'_>| {
        let _waiting = waiting;
        board.write(&mut chunks)?;
        chunks.flush()
    };
    let mut response = written(Arc::clone(app), "/board.csv", "text/csv; charset=utf-8; header=present", permit, write);
    let told = response.headers_mut();
    told.insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(|_| Problem::Internal)?);
    for (name, value) in FIXED {
        told.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The headers of every board: it is of this moment, and a file.
const FIXED: [(HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
