//! Everything that is refused, and the answer that says so: `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use serde::Serialize;
use warp::{
    http::{HeaderValue, StatusCode, header},
    reply::Response,
};

use crate::{graphql::FeedError, log::AnotherHistory, server::admission::sessions::no_cookie, tracker::Unavailable};

/// A webhook's body holds at most this many bytes.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

const RETRY_AFTER_S: u64 = 5;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// No such route, or no such key: the answer does not say which.
    NotFound,
    /// The bearer token is missing or not known.
    Unauthenticated,
    /// The token that somebody signs in with is not known.
    WrongToken,
    /// There is no cookie to renew.
    NotSignedIn,
    /// The cookie no longer counts.
    SignedOut,
    /// The body is not what signing in takes.
    NoSignIn,
    /// A page of another site signs in or out.
    ForeignPage,
    /// The `Authtoken` is missing or not known.
    BadAuthtoken,
    /// No reader is configured, and this is not the machine itself.
    ReadersNotConfigured,
    /// For admins of all sources only.
    Forbidden,
    /// `after` and `to` name no part of the log.
    BadRange,
    /// The parameters of `/feed` make no sense.
    BadFeed,
    /// The follower that comes back has followed a log of another history.
    AnotherHistory(AnotherHistory),
    /// The parameters of `/board.csv` make no sense.
    BadBoard,
    /// No source of this name that the reader may see.
    SourceNotFound,
    /// What was asked for can't be read since the storage failed.
    Unreadable,
    /// Too many read the log.
    TooManyReaders,
    /// Too many failed authentications from this address.
    TooManyFailures { retry_after_s: u64 },
    /// Another method is asked for.
    MethodNotAllowed { allow: &'static str },
    /// The media type is not `application/json`.
    MediaType,
    /// The body has more bytes than this route takes.
    TooLarge { bytes_max: usize },
    /// The body did not arrive in time.
    TooSlow,
    /// The body broke off.
    Incomplete,
    /// The delivery was not taken.
    Unavailable(Unavailable),
    /// The bodies that are being read take all the memory that they may.
    TooMuch,
    /// `Host` is missing, or there more than once.
    NoHost,
    /// More subscriptions or WebSockets than are allowed.
    TooManySubscriptions,
    /// Another WebSocket protocol than ours.
    SocketVersion,
    /// No WebSocket can be made of this request.
    NoSocket,
    /// A page of another site.
    ForeignOrigin,
    /// The server is about to stop.
    Draining,
    /// Too many queries run: this one did not begin in its time.
    TooManyQueries,
    /// A defect.
    Internal,
}

#[derive(Serialize)]
struct Body<'a> {
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(flatten)]
    cursors: Option<Cursors>,
}

/// What we know of two histories.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cursors {
    asked: String,
    here: String,
    in_common: Option<String>,
}

/// A table of each problem's status, code and sentence.
macro_rules! words {
    ($problem:expr; $($one:pat => $status:ident $code:literal $detail:literal;)*) => {
        match $problem {
            $($one => (StatusCode::$status, $code, $detail),)*
        }
    };
}

impl Problem {
    /// Why a feed does not answer; `bad_input` where its parameters make no sense.
    pub(super) fn of_feed(why: FeedError, bad_input: Problem) -> Problem {
        match why {
            FeedError::SourceNotFound => Problem::SourceNotFound,
            FeedError::BadInput => bad_input,
            FeedError::AnotherHistory(another) => Problem::AnotherHistory(another),
            FeedError::StorageFailed => Problem::Unreadable,
            FeedError::Internal => Problem::Internal,
        }
    }

    /// The answer.
    pub(super) fn response(self) -> Response {
        let (status, code, detail) = self.words();
        let title = status.canonical_reason().unwrap_or_default();
        let cursors = match self {
            Problem::AnotherHistory(AnotherHistory { asked, here, in_common }) => Some(Cursors {
                asked: asked.to_string(),
                here: here.to_string(),
                in_common: in_common.map(|position| position.to_string()),
            }),
            _ => None,
        };
        let body = Body { title, status: status.as_u16(), code, detail: &detail, cursors };
        let mut response = json(status, "application/problem+json", &body);
        let headers = response.headers_mut();
        match self {
            Problem::Unauthenticated | Problem::WrongToken | Problem::NotSignedIn => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Problem::SignedOut => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                headers.insert(header::SET_COOKIE, no_cookie());
            }
            Problem::BadAuthtoken => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Authtoken"));
            }
            Problem::MethodNotAllowed { allow } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Problem::TooManyFailures { retry_after_s } => {
                headers.insert(header::RETRY_AFTER, retry_after_s.into());
            }
            Problem::Unavailable(_)
            | Problem::Draining
            | Problem::TooManyReaders
            | Problem::TooManyQueries
            | Problem::TooMuch
            | Problem::TooManySubscriptions => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
            }
            Problem::SocketVersion => {
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            _ => {}
        }
        response
    }

    /// The same as a GraphQL error.
    pub(super) fn graphql_response(self) -> Response {
        let (status, code, detail) = self.words();
        let error = serde_json::json!({ "errors": [{ "message": detail, "extensions": { "code": code } }] });
        let mut response = json(status, "application/json; charset=utf-8", &error);
        *response.headers_mut() = {
            let mut headers = self.response().headers().clone();
            headers.extend(response.headers().clone());
            headers
        };
        response
    }

    fn words(self) -> (StatusCode, &'static str, Cow<'static, str>) {
        match self {
            Problem::TooLarge { bytes_max } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "BODY_TOO_LARGE",
                format!("A body may have at most {bytes_max} bytes.").into(),
            ),
            Problem::AnotherHistory(another) => {
                (StatusCode::BAD_REQUEST, "ANOTHER_HISTORY", another.to_string().into())
            }
            other => {
                let (status, code, detail) = other.fixed_words();
                (status, code, detail.into())
            }
        }
    }

    #[rustfmt::skip]
    fn fixed_words(self) -> (StatusCode, &'static str, &'static str) {
        words! { self;
            Problem::NotFound => NOT_FOUND "NOT_FOUND" "There is nothing here.";
            Problem::BadAuthtoken => UNAUTHORIZED "UNAUTHENTICATED" "The header Authtoken is missing or its token is not known.";
            Problem::Unauthenticated => UNAUTHORIZED "UNAUTHENTICATED" "The token is missing or not known.";
            Problem::WrongToken => UNAUTHORIZED "WRONG_TOKEN" "This token is not known, or it has expired. Check that all of it was copied.";
            Problem::NotSignedIn => UNAUTHORIZED "UNAUTHENTICATED" "This browser is not signed in.";
            Problem::SignedOut => UNAUTHORIZED "SIGNED_OUT" "You are signed out: nobody was at the page for too long, or somebody signed out, or the token was replaced. Sign in again.";
            Problem::NoSignIn => BAD_REQUEST "BAD_REQUEST" "To sign in, send a JSON object with `token`, a string, and nothing longer.";
            Problem::ForeignPage => FORBIDDEN "FOREIGN_ORIGIN" "Only this server's own pages sign in and out. If this is one, a proxy in front changes the `Host` header: let it pass on the browser's, or set `[server] public_url`.";
            Problem::ReadersNotConfigured => FORBIDDEN "READERS_NOT_CONFIGURED" "No reader is configured, so only programs on the server's own machine may read, without a proxy between. Make a token with `clockfold key new`, add a [[reader]] with it to the configuration, and send it as `Authorization: Bearer …`.";
            Problem::Forbidden => FORBIDDEN "FORBIDDEN" "This is for readers with the role `admin` and all sources.";
            Problem::BadRange => BAD_REQUEST "BAD_RANGE" "`after` and `to` are positions: whole numbers, the first not behind the second, and neither behind the end of the log.";
            Problem::BadFeed => BAD_REQUEST "BAD_FEED" "A feed takes `source`, a name, and `after` or the header Last-Event-ID, the id of an event or a position that is not beyond the end of the log: a log that was restored from a copy may end earlier.";
            Problem::AnotherHistory(_) => BAD_REQUEST "ANOTHER_HISTORY" "This log has another history than the one that you followed.";
            Problem::BadBoard => BAD_REQUEST "BAD_BOARD" "A board takes `source`, a name, and `endedWithinHours`, a whole number from 0 to 744.";
            Problem::SourceNotFound => NOT_FOUND "SOURCE_NOT_FOUND" "There is no source of this name that you may read.";
            Problem::Unreadable => SERVICE_UNAVAILABLE "STORAGE_FAILED" "The storage has failed, and this can't be read from it. The server's own log says more.";
            Problem::TooManyReaders => SERVICE_UNAVAILABLE "TOO_MANY_READERS" "Too many are reading the log at this moment. Try again.";
            Problem::TooManyFailures { .. } => TOO_MANY_REQUESTS "TOO_MANY_FAILURES" "Too many requests from this address had no valid credential. Wait before the next one.";
            Problem::MethodNotAllowed { .. } => METHOD_NOT_ALLOWED "METHOD_NOT_ALLOWED" "This method is not allowed here; the Allow header says which are.";
            Problem::MediaType => UNSUPPORTED_MEDIA_TYPE "MEDIA_TYPE" "The body's media type must be application/json.";
            Problem::TooLarge { .. } => PAYLOAD_TOO_LARGE "BODY_TOO_LARGE" "The body is too large.";
            Problem::TooSlow => REQUEST_TIMEOUT "BODY_TOO_SLOW" "The body did not arrive in time.";
            Problem::Incomplete => BAD_REQUEST "BODY_INCOMPLETE" "The body broke off before its end.";
            Problem::Unavailable(Unavailable::QueueFull) => SERVICE_UNAVAILABLE "QUEUE_FULL" "Too many deliveries are waiting for the disk. Send it again.";
            Problem::Unavailable(Unavailable::StorageFailed) => SERVICE_UNAVAILABLE "STORAGE_FAILED" "The storage has failed and no deliveries are accepted. Send it again later.";
            Problem::TooManyQueries => SERVICE_UNAVAILABLE "TOO_MANY_QUERIES" "Too many queries run at this moment. Try again.";
            Problem::TooMuch => SERVICE_UNAVAILABLE "TOO_MUCH_AT_ONCE" "Too many long bodies arrive at this moment. Send it again.";
            Problem::NoHost => BAD_REQUEST "HOST_MISSING" "A request has one Host header, and not two.";
            Problem::TooManySubscriptions => SERVICE_UNAVAILABLE "TOO_MANY_SUBSCRIPTIONS" "The server has all the subscriptions that it is to have. Try again later.";
            Problem::SocketVersion => UPGRADE_REQUIRED "WEBSOCKET_VERSION" "WebSockets have version 13 here.";
            Problem::NoSocket => BAD_REQUEST "BAD_REQUEST" "This is no request for a WebSocket: RFC 6455 says how it is made.";
            Problem::ForeignOrigin => FORBIDDEN "FOREIGN_ORIGIN" "Pages of this origin may not connect. `[server] allowed_origins` names those of other sites that may. If this is one of the server's own pages, a proxy in front changes the `Host` header: let it pass on the browser's, or set `[server] public_url`.";
            Problem::Draining => SERVICE_UNAVAILABLE "DRAINING" "The server is about to stop. Send it again.";
            Problem::Internal => INTERNAL_SERVER_ERROR "INTERNAL" "Something went wrong on the server.";
        }
    }
}

/// A body of JSON.
pub(super) fn json(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Response {
    bytes(status, content_type, serde_json::to_vec(body).expect("answers have string keys and finite numbers"))
}

/// A body of any kind.
pub(super) fn bytes(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    with_body(status, content_type, Response::new(body.into()))
}

/// A body that all answers share: none of them has a copy.
pub(super) fn shared(status: StatusCode, content_type: &'static str, body: &'static [u8]) -> Response {
    with_body(status, content_type, Response::new(body.into()))
}

fn with_body(status: StatusCode, content_type: &'static str, mut response: Response) -> Response {
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
