//! `POST /webhook…`: authenticate, bound, read, hand in, answer. The checks stand in the order of the
//! documented table.

use std::{fmt::Display, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::Stream;
use http_body_util::BodyDataStream;
use hyper::{
    Request,
    body::{Bytes, Incoming},
    http::request,
};
use serde::{Serialize, Serializer};
use warp::{
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    reply::Response,
};

use crate::{
    access::{RouteKey, Sender},
    lifecycle::{Code, EventType, Fault, Outcome, Status},
    log::{AppointmentId, NewDelivery, Position},
    projection::Rules,
    server::{
        app::{App, measured},
        body::{lingering, read},
        connection::peer::Peer,
        problem::{BODY_BYTES_MAX, Problem, json},
    },
    tracker::Receipt,
    webhook::{self, NearMiss},
};

const AUTHTOKEN: &str = "authtoken";
const DELIVERY_ID_BYTES_MAX: usize = 255;

/// The answer to a delivery that could be read, once it is durable.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(serialize_with = "text")]
    position: Position,
    #[serde(serialize_with = "time")]
    received_at: DateTime<Utc>,
    outcome: &'static str,
    late: bool,
    source: &'a str,
    #[serde(serialize_with = "text_of_some")]
    appointment_id: Option<AppointmentId>,
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(serialize_with = "time_of_some", skip_serializing_if = "Option::is_none")]
    reconsidered_until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(serialize_with = "text_of_some", skip_serializing_if = "Option::is_none")]
    conflicts_with: Option<Position>,
}

/// The answer to a delivery that is durable and could not be read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unreadable {
    title: &'static str,
    status: u16,
    #[serde(serialize_with = "text")]
    position: Position,
    #[serde(serialize_with = "time")]
    received_at: DateTime<Utc>,
    code: &'static str,
    detail: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(serialize_with = "text_of_some", skip_serializing_if = "Option::is_none")]
    conflicts_with: Option<Position>,
}

/// A number as a text: its reader may know no whole numbers beyond 2⁵³.
fn text<S: Serializer>(number: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn text_of_some<S: Serializer>(number: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => text(number, serializer),
        None => serializer.serialize_none(),
    }
}

fn time<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn time_of_some<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// The answer to a request whose path has this key. Webhooks come by the thousands, so they don't go through warp's
/// filters, which copy what each of them looks at.
pub(in crate::server) fn answered(
    app: Arc<App>,
    route_key: RouteKey,
    peer: Peer,
    request: Request<Incoming>,
) -> impl Future<Output = Response> + Send + 'static {
    measured("webhook", async move {
        let (head, body) = request.into_parts();
        let body = lingering(&peer.1, &head.headers, BodyDataStream::new(body), app.body_timeout);
        let received = receive(&app, &route_key, &head, peer, body).await;
        received.map_or_else(Problem::response, |receipt| answer(&receipt, &app.rules))
    })
}

async fn receive(
    app: &App,
    route_key: &RouteKey,
    head: &request::Parts,
    peer: Peer,
    body: impl Stream<Item = Result<Bytes, hyper::Error>>,
) -> Result<Receipt, Problem> {
    let headers = &head.headers;
    if head.method != Method::POST {
        return Err(Problem::MethodNotAllowed { allow: "POST" });
    }
    let sender =
        authenticate(app, route_key, headers).map_err(|problem| app.access.failures.count(peer.0.ip(), problem))?;
    let Sender { source, by_normal_form } = sender;
    peer.1.is_known();
    let (body, _held) = read(&peer.1, headers, body, BODY_BYTES_MAX, app.body_timeout).await?;
    let values = |name: HeaderName| headers.get_all(name).into_iter().map(|value| value.as_bytes());
    let taken = webhook::take(values(header::CONTENT_TYPE), values(header::CONTENT_ENCODING), body, BODY_BYTES_MAX);
    let webhook::Taken { body, reading, near_misses } =
        taken.map_err(|webhook::TooLarge| Problem::TooLarge { bytes_max: BODY_BYTES_MAX })?;
    if app.draining() {
        return Err(Problem::Draining);
    }
    let delivery_id = app.gate.delivery_id_header(&source).and_then(|name| delivery_id(headers, name));
    let delivery = NewDelivery { source, reading, delivery_id, body };
    let receipt = app.tracker.submit(delivery).await.map_err(Problem::Unavailable)?;
    for near_miss in near_misses.into_iter().chain(by_normal_form.then_some(NearMiss::Path)) {
        metrics::counter!("clockfold_near_misses_total", "kind" => near_miss.name()).increment(1);
    }
    Ok(receipt)
}

/// The sender's id of the delivery: the only value of its header, of 1 to [`DELIVERY_ID_BYTES_MAX`] ASCII characters
/// without control characters. Anything else is no id, and the delivery is kept without one.
fn delivery_id(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let id = value.to_str().ok()?.trim();
    let fits =
        (1..=DELIVERY_ID_BYTES_MAX).contains(&id.len()) && !id.contains(|character: char| character.is_control());
    fits.then(|| id.to_owned())
}

/// Who sends; an unknown key and a bad token look the same.
fn authenticate(app: &App, route_key: &RouteKey, headers: &HeaderMap) -> Result<Sender, Problem> {
    let mut tokens = headers.get_all(AUTHTOKEN).iter();
    let token = match (tokens.next(), tokens.next()) {
        (Some(token), None) => Some(token.as_bytes()),
        _ => None,
    };
    let now = (app.clock)();
    if route_key.is_empty() {
        let source = app.gate.by_token(token, now).ok_or(Problem::BadAuthtoken)?;
        Ok(Sender { source, by_normal_form: false })
    } else {
        app.gate.keyed(route_key, token, now).ok_or(Problem::NotFound)
    }
}

fn answer(receipt: &Receipt, rules: &Rules) -> Response {
    let folded = &receipt.folded;
    let judgement = folded.judgement;
    let code = judgement.verdict.code();
    let Receipt { position, received_at, repeated, conflicts_with, .. } = *receipt;
    if let Some(Code::Unreadable(fault)) = code {
        let status = match fault {
            Fault::MediaType | Fault::ContentCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Fault::NotJson => StatusCode::BAD_REQUEST,
            Fault::NotAnObject
            | Fault::FieldRepeated
            | Fault::AppointmentIdMissing
            | Fault::AppointmentIdInvalid
            | Fault::EventTypeMissing
            | Fault::EventTypeInvalid => StatusCode::UNPROCESSABLE_ENTITY,
        };
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
        source: receipt.source.as_str(),
        appointment_id: receipt.reading.appointment_id(),
        status: folded.status.map(Status::name),
        code: code.map(Code::name),
        reason: judgement.verdict.reason_until(event, judgement.before, lifecycle, folded.reconsidered_until),
        reconsidered_until: folded.reconsidered_until,
        repeated,
        conflicts_with,
    };
    json(StatusCode::OK, "application/json", &body)
}
