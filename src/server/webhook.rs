//! `POST /webhook…`: authenticate, bound, read, hand in, answer. The checks stand in the order of the
//! documented table.

use std::{sync::Arc, time::Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::Stream;
use serde::Serialize;
use warp::{
    Buf, Filter, Rejection,
    http::{HeaderMap, Method, StatusCode},
    path::Tail,
    reply::Response,
};

use crate::{
    lifecycle::{Code, EventType, Fault, Outcome, Status},
    log::{AppointmentId, NewDelivery, Position, SourceName},
    projection::Rules,
    tracker::Receipt,
    webhook,
};

use super::{
    App, Peer,
    body::{is_json, read},
    measure,
    problem::{BODY_BYTES_MAX, Problem, json},
    with,
};

const AUTHTOKEN: &str = "authtoken";
const DELIVERY_ID_BYTES_MAX: usize = 255;

/// The answer to a delivery that could be read, once it is durable.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    position: String,
    received_at: String,
    outcome: &'static str,
    late: bool,
    source: String,
    appointment_id: Option<String>,
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reconsidered_until: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts_with: Option<String>,
}

/// The answer to a delivery that is durable and could not be read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unreadable {
    title: &'static str,
    status: u16,
    position: String,
    received_at: String,
    code: &'static str,
    detail: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts_with: Option<String>,
}

pub(super) fn route(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + 'static {
    warp::path("webhook")
        .and(warp::path::tail())
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::body::stream())
        .and(with(app))
        .then(|tail: Tail, method: Method, headers: HeaderMap, peer: Peer, body, app: Arc<App>| async move {
            let begun = Instant::now();
            let received = receive(&app, tail.as_str(), &method, &headers, peer, body).await;
            let response = received.map_or_else(Problem::response, |receipt| answer(&receipt, &app.rules));
            measure("webhook", begun, response.status());
            response
        })
}

async fn receive<B: Buf>(
    app: &App,
    route_key: &str,
    method: &Method,
    headers: &HeaderMap,
    peer: Peer,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Receipt, Problem> {
    if method != Method::POST {
        return Err(Problem::MethodNotAllowed { allow: "POST" });
    }
    let source = authenticate(app, route_key, headers).map_err(|problem| app.failures.count(peer.0.ip(), problem))?;
    peer.1.is_known();
    if !is_json(headers) {
        return Err(Problem::MediaType);
    }
    let (body, _held) = read(&peer.1, headers, body, BODY_BYTES_MAX, app.body_timeout).await?;
    if app.draining() {
        return Err(Problem::Draining);
    }
    let delivery_id = app.gate.delivery_id_header(&source).and_then(|name| delivery_id(headers, name));
    let delivery = NewDelivery { source, reading: webhook::read(&body), delivery_id, body };
    app.tracker.submit(delivery).await.map_err(Problem::Unavailable)
}

/// The sender's id of the delivery: the only value of its header, of 1 to [`DELIVERY_ID_BYTES_MAX`] ASCII
/// characters without control characters. Whatever else stands there is no id, and the delivery is kept as one without.
fn delivery_id(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let id = value.to_str().ok()?.trim();
    let fits =
        (1..=DELIVERY_ID_BYTES_MAX).contains(&id.len()) && !id.contains(|character: char| character.is_control());
    fits.then(|| id.to_owned())
}

/// The source that sends; an unknown key and a bad token beside it look the same.
fn authenticate(app: &App, route_key: &str, headers: &HeaderMap) -> Result<SourceName, Problem> {
    let mut tokens = headers.get_all(AUTHTOKEN).iter();
    let token = match (tokens.next(), tokens.next()) {
        (Some(token), None) => Some(token.as_bytes()),
        _ => None,
    };
    let now = (app.clock)();
    if route_key.is_empty() {
        app.gate.by_token(token, now).ok_or(Problem::BadAuthtoken)
    } else {
        app.gate.keyed(route_key, token, now).ok_or(Problem::NotFound)
    }
}

fn answer(receipt: &Receipt, rules: &Rules) -> Response {
    let folded = &receipt.folded;
    let judgement = folded.judgement;
    let code = judgement.verdict.code();
    let position = receipt.position.to_string();
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let received_at = time(receipt.received_at);
    let repeated = receipt.repeated;
    let conflicts_with = receipt.conflicts_with.as_ref().map(Position::to_string);
    if let Some(Code::Unreadable(fault)) = code {
        let status = if fault == Fault::NotJson { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
        let title = Outcome::Unreadable.name();
        let (code, detail) = (fault.name(), fault.reason());
        let status_code = status.as_u16();
        let body =
            Unreadable { title, status: status_code, position, received_at, code, detail, repeated, conflicts_with };
        return json(status, "application/problem+json", &body);
    }
    let event = receipt.reading.event_type().ok().and_then(EventType::from_name);
    let lifecycle = &rules.of(&receipt.source).lifecycle;
    let body = Answer {
        position,
        received_at,
        outcome: judgement.verdict.outcome().name(),
        late: judgement.late,
        source: receipt.source.to_string(),
        appointment_id: receipt.reading.appointment_id().as_ref().map(AppointmentId::to_string),
        status: folded.status.map(Status::name),
        code: code.map(Code::name),
        reason: judgement.verdict.reason_until(event, judgement.before, lifecycle, folded.reconsidered_until),
        reconsidered_until: folded.reconsidered_until.map(time),
        repeated,
        conflicts_with,
    };
    json(StatusCode::OK, "application/json", &body)
}
