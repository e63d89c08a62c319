//! The messages of `graphql-transport-ws`, and the codes that a connection is closed with.
//!
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

use serde_json::{Map, Value, json};

use crate::server::admission::access::bearer_in;

/// The most bytes of a close frame's reason (RFC 6455, 5.5).
const REASON_BYTES_MAX: usize = 123;
/// An operation's id comes back with each of its messages.
const ID_BYTES_MAX: usize = 128;

/// Why a connection ends: the code and the words of its close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Close {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Close {
        let mut reason = reason.into();
        let end = (0..=REASON_BYTES_MAX.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        reason.truncate(end.unwrap_or_default());
        Close { code, reason }
    }

    pub(super) fn going_away() -> Close {
        Close::new(1012, "The server restarts: connect again, with the last position as `after`.")
    }

    pub(super) fn too_large(max: usize) -> Close {
        Close::new(1009, format!("A message has at most {max} bytes."))
    }

    pub(super) fn bad(what: &str) -> Close {
        Close::new(4400, what)
    }

    pub(super) fn unauthorized() -> Close {
        Close::new(4401, "Unauthorized: `connection_init` comes first, and its `connection_ack`.")
    }

    pub(super) fn forbidden(why: &str) -> Close {
        Close::new(4403, format!("Forbidden: {why}"))
    }

    pub(super) fn subprotocol() -> Close {
        Close::new(4406, "Subprotocol not acceptable: this server speaks graphql-transport-ws.")
    }

    pub(super) fn init_timeout() -> Close {
        Close::new(4408, "Connection initialisation timeout")
    }

    pub(super) fn id_in_use(id: &str) -> Close {
        Close::new(4409, format!("Subscriber for {id} already exists"))
    }

    pub(super) fn too_many_inits() -> Close {
        Close::new(4429, "Too many initialisation requests")
    }
}

/// What a client says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    Init(Map<String, Value>),
    Ping(Option<Value>),
    Pong,
    Subscribe { id: String, payload: Value },
    Complete { id: String },
}

impl Said {
    /// Reads a message; anything that the protocol does not have closes the connection.
    pub(super) fn read(text: &str) -> Result<Said, Close> {
        let message = serde_json::from_str(text).map_err(|_| Close::bad("A message is JSON."))?;
        let Value::Object(mut message) = message else { return Err(Close::bad("A message is a JSON object.")) };
        let kind = message.remove("type");
        let payload = message.remove("payload");
        match kind.as_ref().and_then(Value::as_str) {
            Some("connection_init") => Ok(Said::Init(object(payload)?.unwrap_or_default())),
            Some("ping") => Ok(Said::Ping(object(payload)?.map(Value::Object))),
            Some("pong") => object(payload).map(|_| Said::Pong),
            Some("subscribe") => Ok(Said::Subscribe { id: id(&mut message)?, payload: asked(payload)? }),
            Some("complete") => Ok(Said::Complete { id: id(&mut message)? }),
            Some(_) => Err(Close::bad("There is no message of this `type`.")),
            None => Err(Close::bad("A message has a `type`.")),
        }
    }
}

/// The token in the payload of `connection_init`, empty where something else is in its place; `None` where there is
/// none. Clients put it where their servers look for it: `Authorization` as a header has it, by itself (graphql-ws,
/// GraphiQL, gql) or in `headers` (Hasura's clients), or the token alone as `authToken` (Apollo's documentation) or
/// `token` (graphql-ws's). Letter case does not matter, and a place with null or an empty text counts as absent.
pub(super) fn token(payload: &Map<String, Value>) -> Option<&[u8]> {
    let headers = named(payload, "headers").and_then(Value::as_object);
    if let Some(said) = named(payload, "authorization").or_else(|| named(headers?, "authorization")) {
        return Some(bearer_in(said.as_str().unwrap_or_default().as_bytes()).unwrap_or_default());
    }
    let said = named(payload, "authtoken").or_else(|| named(payload, "token"))?;
    let said = said.as_str().unwrap_or_default().trim().as_bytes();
    Some(bearer_in(said).unwrap_or(said))
}

/// The value of this name, in whichever case it is written.
fn named<'a>(object: &'a Map<String, Value>, wanted: &str) -> Option<&'a Value> {
    let says = |value: &Value| !value.is_null() && value.as_str() != Some("");
    object.iter().find(|(name, value)| name.eq_ignore_ascii_case(wanted) && says(value)).map(|(_, value)| value)
}

fn object(payload: Option<Value>) -> Result<Option<Map<String, Value>>, Close> {
    match payload {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(_) => Err(Close::bad("A `payload` is an object.")),
    }
}

fn id(message: &mut Map<String, Value>) -> Result<String, Close> {
    match message.remove("id") {
        Some(Value::String(id)) if (1..=ID_BYTES_MAX).contains(&id.len()) => Ok(id),
        _ => Err(Close::bad("An `id` is a string of 1 to 128 bytes.")),
    }
}

/// The payload of an operation. Its document is checked later, and refused with an `error`; so is a document's hash in
/// its place (Apollo's persisted queries), for a client that gets this error sends the document.
fn asked(payload: Option<Value>) -> Result<Value, Close> {
    let wrong = || Close::bad("`subscribe` has a `payload` with `query`, a string, and what else a request has.");
    let payload = object(payload)?.ok_or_else(wrong)?;
    let is_hash = || payload.get("extensions").is_some_and(|extensions| extensions.get("persistedQuery").is_some());
    let has_query = match payload.get("query") {
        Some(Value::String(_)) => true,
        None | Some(Value::Null) => is_hash(),
        Some(_) => false,
    };
    let fits = has_query
        && payload.get("operationName").is_none_or(|name| name.is_null() || name.is_string())
        && ["variables", "extensions"]
            .iter()
            .all(|key| payload.get(*key).is_none_or(|map| map.is_null() || map.is_object()));
    if fits { Ok(Value::Object(payload)) } else { Err(wrong()) }
}

pub(super) fn ack() -> String {
    r#"{"type":"connection_ack"}"#.to_owned()
}

pub(super) fn pong(payload: Option<Value>) -> String {
    match payload {
        None => r#"{"type":"pong"}"#.to_owned(),
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
    }
}

/// An id as JSON, for the messages of an operation.
pub(super) fn quoted(id: &str) -> String {
    Value::from(id).to_string()
}

pub(super) fn next(quoted_id: &str, response: &str) -> String {
    format!(r#"{{"id":{quoted_id},"type":"next","payload":{response}}}"#)
}

pub(super) fn error(quoted_id: &str, errors: &str) -> String {
    format!(r#"{{"id":{quoted_id},"type":"error","payload":{errors}}}"#)
}

pub(super) fn complete(quoted_id: &str) -> String {
    format!(r#"{{"id":{quoted_id},"type":"complete"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_protocol_does_not_have_is_a_bad_message() {
        for text in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"start"}"#,
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"connection_init","payload":"token"}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"subscribe","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"extensions":{}}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1,"extensions":{"persistedQuery":{}}}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":[]}}"#,
            r#"{"type":"complete"}"#,
        ] {
            assert_eq!(Said::read(text).map_err(|close| close.code), Err(4400), "{text}");
        }
    }

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        for (payload, expected) in [
            (r#"{}"#, None),
            (r#"{"Authorization":"Bearer a"}"#, Some("a")),
            (r#"{"authorization":"bearer a "}"#, Some("a")),
            (r#"{"headers":{"Authorization":"Bearer a"}}"#, Some("a")),
            (r#"{"Headers":{"AUTHORIZATION":"Bearer a","x":1},"x":2}"#, Some("a")),
            (r#"{"authToken":"a"}"#, Some("a")),
            (r#"{"authToken":"Bearer a"}"#, Some("a")),
            (r#"{"token":"a"}"#, Some("a")),
            // The place most like a header goes first.
            (r#"{"token":"c","headers":{"Authorization":"Bearer b"},"Authorization":"Bearer a"}"#, Some("a")),
            (r#"{"token":"c","headers":{"Authorization":"Bearer b"}}"#, Some("b")),
            (r#"{"Authorization":"","headers":{"authorization":"Bearer b"}}"#, Some("b")),
            // A client that is not signed in sends nothing.
            (r#"{"Authorization":null,"headers":null,"authToken":"","token":null}"#, None),
            (r#"{"headers":{"authorization":""}}"#, None),
            (r#"{"headers":"Bearer a"}"#, None),
            (r#"{"headers":[{"Authorization":"Bearer a"}]}"#, None),
            // A value that is no token is an unknown token.
            (r#"{"Authorization":"a"}"#, Some("")),
            (r#"{"Authorization":1}"#, Some("")),
            (r#"{"Authorization":{"token":"a"}}"#, Some("")),
            (r#"{"token":1}"#, Some("")),
        ] {
            let message = format!(r#"{{"type":"connection_init","payload":{payload}}}"#);
            let Ok(Said::Init(said)) = Said::read(&message) else { panic!("{message}") };
            assert_eq!(token(&said), expected.map(str::as_bytes), "{payload}");
        }
    }

    #[test]
    fn a_reason_fits_its_frame() {
        let long = Close::id_in_use(&"ü".repeat(64));
        assert!(long.reason.len() <= REASON_BYTES_MAX, "{}", long.reason.len());
        assert!(long.reason.starts_with("Subscriber for üüü"));
    }
}
