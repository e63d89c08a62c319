//! `/feed` without HTTP: every delivery from a position on, as JSON with the names of GraphQL.
//!
//! It is the subscription `deliveries` with a selection of our own, and goes through the same code: a follower holds a
//! position, followers that ask the same share one execution, and a slow one reads the log. No delivery goes out with a
//! hole: where a field can't be read, the feed ends before it, and may be resumed.

use async_graphql::futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    access::{Role, Viewer},
    graphql::request::{http::Question, prepare::Transport},
    log::{AnotherHistory, Cursor},
};

use super::{
    Graph,
    problem::{ANOTHER_HISTORY, INTERNAL, STORAGE_FAILED},
};

/// The fields of a delivery that every reader gets.
const FIELDS: &str = "id position receivedAt source appointmentId eventType rawEventType deliveryId conflictsWith \
    outcome code reason outcomeAtArrival late appliedAt reconsideredUntil statusBefore statusAfter";
/// The fields that admins get as well.
const BODY_FIELDS: &str = "body bodyErased";

/// An item of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedItem {
    /// A delivery.
    Delivery {
        /// Its place, to resume after it.
        cursor: Cursor,
        /// Its JSON, on one line.
        json: String,
    },
    /// Why there is nothing more.
    Failed {
        /// For programs.
        code: String,
        /// For people.
        detail: String,
    },
}

/// A feed that has begun.
pub struct Feed {
    /// Everything up to here was delivered already, or was not asked for.
    pub after: Cursor,
    /// What comes.
    pub told: std::pin::Pin<Box<dyn Stream<Item = FeedItem> + Send>>,
}

/// Why a feed does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedError {
    /// The same for a source that does not exist and one that the reader may not see.
    SourceNotFound,
    /// An argument that makes no sense.
    BadInput,
    /// The follower that comes back has followed a log of another history.
    AnotherHistory(AnotherHistory),
    /// The storage has failed.
    StorageFailed,
    /// A defect; our own log says more.
    Internal,
}

impl Graph {
    /// Begins a feed of what `viewer` may see, after a cursor or from now on. `earlier` is another one that the
    /// follower shows: it may show how much another history has in common with the log. Reads from disk: call it where
    /// blocking is fine, on a thread of the runtime.
    pub fn feed(
        &self,
        source: Option<&str>,
        after: Option<Cursor>,
        earlier: Option<Cursor>,
        viewer: Viewer,
        request_id: &str,
    ) -> Result<Feed, FeedError> {
        let fields = match viewer.role {
            Role::Admin => format!("{FIELDS} {BODY_FIELDS}"),
            Role::Viewer => FIELDS.to_owned(),
        };
        let document = format!(
            "subscription($source: String, $after: Cursor) {{ deliveries(source: $source, after: $after) {{ {fields} }} }}"
        );
        let mut asked = json!({ "query": document, "variables": { "source": source } });
        if let Some(after) = after {
            asked["variables"]["after"] = after.to_string().into();
        }
        let prepared = self.endpoint.check(Question::of_payload(asked), Transport::Events);
        let prepared = prepared.map_err(|refusal| {
            tracing::error!(%refusal, "the feed's own subscription is refused; look at [graphql] in the configuration");
            FeedError::Internal
        })?;
        let followed = self.live.follow(prepared, viewer, request_id);
        let (after, responses) = followed.map_err(|response| match feed_error(&response) {
            FeedError::AnotherHistory(another) => FeedError::AnotherHistory(self.compared(another, earlier)),
            untold => untold,
        })?;
        Ok(Feed { after, told: responses.map(|(cursor, response)| feed_item(cursor, &response)).boxed() })
    }
}

impl Graph {
    /// The same, with what another cursor shows about it.
    fn compared(&self, another: AnotherHistory, earlier: Option<Cursor>) -> AnotherHistory {
        let says_something =
            |cursor: &Cursor| cursor.digest_start.is_some() && cursor.position < another.asked.position;
        let in_common = earlier.filter(says_something).filter(|cursor| cursor.find_in(&*self.stores.log).is_ok());
        AnotherHistory { in_common: in_common.map(|cursor| cursor.position), ..another }
    }
}

/// A response of the subscription that has errors.
#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    message: String,
    #[serde(default)]
    extensions: Value,
}

/// How our printer begins and ends a response of the subscription without errors. One with errors ends with their list.
const BEGIN: &str = r#"{"data":{"deliveries":"#;
const END: &str = "}}";

fn feed_item(cursor: Option<Cursor>, response: &str) -> FeedItem {
    let delivery = response.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    if let (Some(json), Some(cursor)) = (delivery, cursor) {
        debug_assert!(serde_json::from_str::<&RawValue>(json).is_ok(), "a delivery is a value of its own: {response}");
        return FeedItem::Delivery { cursor, json: json.to_owned() };
    }
    let (code, detail) = match first_error(response) {
        Some(Error { message, extensions }) => (extensions["code"].as_str().unwrap_or(INTERNAL).to_owned(), message),
        None => (INTERNAL.to_owned(), "internal error".to_owned()),
    };
    FeedItem::Failed { code, detail }
}

fn first_error(response: &str) -> Option<Error> {
    serde_json::from_str::<Response>(response).ok()?.errors.into_iter().next()
}

/// Why the subscription has not begun, read from the response that says so.
fn feed_error(response: &str) -> FeedError {
    let Some(Error { extensions, .. }) = first_error(response) else { return FeedError::Internal };
    let cursor = |name: &str| extensions[name].as_str().and_then(|text| text.parse::<Cursor>().ok());
    match extensions["code"].as_str() {
        Some("SOURCE_NOT_FOUND") => FeedError::SourceNotFound,
        Some("BAD_USER_INPUT") => FeedError::BadInput,
        Some(STORAGE_FAILED) => FeedError::StorageFailed,
        Some(ANOTHER_HISTORY) => match (cursor("asked"), cursor("here")) {
            (Some(asked), Some(here)) => FeedError::AnotherHistory(AnotherHistory { asked, here, in_common: None }),
            _ => FeedError::Internal,
        },
        _ => FeedError::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_becomes_a_delivery_or_the_reason_why_there_is_none() {
        let failed = |code: &str, detail: &str| FeedItem::Failed { code: code.to_owned(), detail: detail.to_owned() };
        let json = r#"{"position":"17","source":"downtown","body":"a \"body\""}"#;
        let cursor: Cursor = "17@1a2b3c4d".parse().unwrap();
        let delivery = FeedItem::Delivery { cursor, json: json.to_owned() };
        let item = |response: &str| super::feed_item(Some(cursor), response);
        let response = format!(r#"{{"data":{{"deliveries":{json}}}}}"#);
        assert_eq!(item(&response), delivery);
        assert_eq!(super::feed_item(None, &response), failed(INTERNAL, "internal error"));
        let error = r#"{"message":"No.","path":["deliveries","body"],"extensions":{"code":"STORAGE_FAILED"}}"#;
        let holed = format!(r#"{{"data":{{"deliveries":{json}}},"errors":[{error}]}}"#);
        assert_eq!(item(&holed), failed("STORAGE_FAILED", "No."));
        assert_eq!(feed_error(&holed), FeedError::StorageFailed);
        let asked = r#"{"code":"ANOTHER_HISTORY","asked":"17@1a2b3c4d","here":"5@00000001"}"#;
        let another = AnotherHistory { asked: cursor, here: "5@00000001".parse().unwrap(), in_common: None };
        let refused =
            |extensions: &str| feed_error(&format!(r#"{{"errors":[{{"message":"No.","extensions":{extensions}}}]}}"#));
        assert_eq!(refused(asked), FeedError::AnotherHistory(another));
        assert_eq!(refused(r#"{"code":"ANOTHER_HISTORY"}"#), FeedError::Internal);
        assert_eq!(item(r#"{"data":null,"errors":[{"message":"No."}]}"#), failed(INTERNAL, "No."));
        assert_eq!(item(r#"{"data":null}"#), failed(INTERNAL, "internal error"));
    }
}
