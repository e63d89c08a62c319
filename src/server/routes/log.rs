//! `GET /log?after=POSITION&to=POSITION`: deliveries as the log holds them, in the export format, for admins of all
//! sources. Commands beside this server read it.
//!
//! An answer that breaks off lacks its last line, so that its reader does not take it for whole.

use std::{io, sync::Arc};

use warp::{
    Filter, Rejection,
    http::{HeaderMap, Method},
    reply::Response,
};

use crate::{
    access::Role,
    copies::{Stretch, StretchError, ndjson},
    log::Position,
    server::{
        app::{App, measured, with},
        connection::chunks::{Chunks, written},
        connection::peer::Peer,
        problem::Problem,
        routes::parameters::{parameters, position},
    },
};

pub(in crate::server) fn route(
    app: &Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    warp::path!("log")
        .and(warp::method())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(with(app))
        .then(|method, query: String, headers, peer, app: Arc<App>| {
            measured("log", async move {
                answer(&app, &method, &query, headers, peer).await.unwrap_or_else(Problem::response)
            })
        })
}

async fn answer(
    app: &Arc<App>,
    method: &Method,
    query: &str,
    headers: HeaderMap,
    peer: Peer,
) -> Result<Response, Problem> {
    let viewer = app.access.viewer(peer, &headers)?;
    if viewer.role != Role::Admin || viewer.sources.is_some() {
        return Err(Problem::Forbidden);
    }
    if method != Method::GET {
        return Err(Problem::MethodNotAllowed { allow: "GET" });
    }
    let (after, to) = range(query).ok_or(Problem::BadRange)?;
    if app.draining() {
        return Err(Problem::Draining);
    }
    let permit = Arc::clone(&app.log_permits).try_acquire_owned().map_err(|_| Problem::TooManyReaders)?;
    let stretch = tokio::task::spawn_blocking({
        let app = Arc::clone(app);
        move || Stretch::of(&*app.log, after, to)
    });
    let stretch = stretch.await.map_err(|_| Problem::Internal)?.map_err(|error| match error {
        StretchError::Beyond { .. } | StretchError::Backwards { .. } => Problem::BadRange,
        StretchError::Log(error) => {
            tracing::error!(%error, "the log could not be read for /log");
            Problem::Internal
        }
    })?;
    let write = move |app: &App, chunks: Chunks<'_>| write(app, stretch, chunks);
    Ok(written(Arc::clone(app), "/log", "application/x-ndjson", permit, write))
}

fn write(app: &App, stretch: Stretch, output: Chunks<'_>) -> io::Result<()> {
    let mut writer = ndjson::Writer::new(output, ndjson::Header { stretch, sources: None })?;
    for delivery in stretch.read(&*app.log) {
        writer.write(&delivery.map_err(io::Error::other)?)?;
    }
    writer.finish().map(drop)
}

/// The two parameters; `None` where one is no position or is there twice, or where there is another.
fn range(query: &str) -> Option<(Position, Option<Position>)> {
    let [after, to] = parameters(query, ["after", "to"])?;
    let position = |text: Option<&str>| text.map_or(Some(None), |text| position(text).map(Some));
    Some((position(after)?.unwrap_or(Position::ZERO), position(to)?))
}
