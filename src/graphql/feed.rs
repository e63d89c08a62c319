//! `/feed` without HTTP: every delivery from a position on, as JSON with the names of GraphQL.
//!
//! It is the subscription `deliveries` with a selection of our own, and goes through the same code: whoever follows
//! holds a position, those who ask the same share what is executed, and a slow one reads the log. No delivery is told
//! with a hole: where a field can't be read, the feed ends before it, and may be resumed.

use async_graphql::futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::log::Position;

use super::{
    Graph, Method, Role, Viewer,
    params::Params,
    prepare::Transport,
    problem::{INTERNAL, STORAGE_FAILED},
};

/// What everybody is told of a delivery.
const FIELDS: &str = "id position receivedAt source appointmentId eventType rawEventType deliveryId conflictsWith \
    outcome code reason outcomeAtArrival late appliedAt reconsideredUntil statusBefore statusAfter";
/// What admins are told beside it.
const BODY_FIELDS: &str = "body bodyErased";

/// What a feed tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fed {
    /// A delivery.
    Delivery {
        /// Its place: whoever has it resumes after it.
        position: Position,
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
    /// Everything up to here has been told already, or was not asked for.
    pub after: Position,
    /// What comes.
    pub told: std::pin::Pin<Box<dyn Stream<Item = Fed> + Send>>,
}

/// Why something is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// The same for a source that does not exist and one that the reader may not see.
    SourceNotFound,
    /// An argument that can't be meant.
    BadInput,
    /// The storage has failed.
    StorageFailed,
    /// A defect; our own log says more.
    Internal,
}

impl Graph {
    /// Begins a feed of what `viewer` may see, after a position or from now on. Reads from disk: call it where blocking
    /// is fine, on a thread of the runtime.
    pub fn feed(
        &self,
        source: Option<&str>,
        after: Option<Position>,
        viewer: Viewer,
        request_id: &str,
    ) -> Result<Feed, Untold> {
        let fields = match viewer.role {
            Role::Admin => format!("{FIELDS} {BODY_FIELDS}"),
            Role::Viewer => FIELDS.to_owned(),
        };
        let document = format!(
            "subscription($source: String, $after: Position) {{ deliveries(source: $source, after: $after) {{ {fields} }} }}"
        );
        let mut asked = json!({ "query": document, "variables": { "source": source } });
        if let Some(after) = after {
            asked["variables"]["after"] = after.to_string().into();
        }
        let prepared = Params::of(asked).and_then(|it| self.endpoint.prepare(it, Method::Post, Transport::Events));
        let prepared = prepared.map_err(|refusal| {
            tracing::error!(%refusal, "the feed's own subscription is refused; look at [graphql] in the configuration");
            Untold::Internal
        })?;
        let (after, responses) = self.live.follow(prepared, viewer, request_id).map_err(untold)?;
        Ok(Feed { after, told: responses.map(|response| fed(&response)).boxed() })
    }
}

/// A response of the subscription.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    deliveries: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Place {
    position: String,
}

#[derive(Deserialize)]
struct Error {
    message: String,
    #[serde(default)]
    extensions: Value,
}

fn fed(response: &str) -> Fed {
    let failed = || Fed::Failed { code: INTERNAL.to_owned(), detail: "internal error".to_owned() };
    let Ok(response) = serde_json::from_str::<Response<'_>>(response) else { return failed() };
    if let Some(error) = response.errors.into_iter().next() {
        let code = error.extensions["code"].as_str().unwrap_or(INTERNAL).to_owned();
        return Fed::Failed { code, detail: error.message };
    }
    let Some(json) = response.data.and_then(|data| data.deliveries) else { return failed() };
    let place: Result<Place, _> = serde_json::from_str(json.get());
    match place.ok().and_then(|place| place.position.parse().ok()) {
        Some(position) => Fed::Delivery { position: Position::new(position), json: json.get().to_owned() },
        None => failed(),
    }
}

/// Why the subscription has not begun, by the response that says so.
fn untold(response: String) -> Untold {
    match fed(&response) {
        Fed::Failed { code, .. } if code == "SOURCE_NOT_FOUND" => Untold::SourceNotFound,
        Fed::Failed { code, .. } if code == "BAD_USER_INPUT" => Untold::BadInput,
        Fed::Failed { code, .. } if code == STORAGE_FAILED => Untold::StorageFailed,
        Fed::Failed { .. } | Fed::Delivery { .. } => Untold::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_becomes_a_delivery_or_the_reason_why_there_is_none() {
        let failed = |code: &str, detail: &str| Fed::Failed { code: code.to_owned(), detail: detail.to_owned() };
        let json = r#"{"position":"17","source":"downtown","body":"a \"body\""}"#;
        let delivery = Fed::Delivery { position: Position::new(17), json: json.to_owned() };
        assert_eq!(fed(&format!(r#"{{"data":{{"deliveries":{json}}}}}"#)), delivery);
        let error = r#"{"message":"No.","path":["deliveries","body"],"extensions":{"code":"STORAGE_FAILED"}}"#;
        let holed = format!(r#"{{"data":{{"deliveries":{json}}},"errors":[{error}]}}"#);
        assert_eq!(fed(&holed), failed("STORAGE_FAILED", "No."));
        assert_eq!(untold(holed), Untold::StorageFailed);
        assert_eq!(fed(r#"{"data":null,"errors":[{"message":"No."}]}"#), failed(INTERNAL, "No."));
        assert_eq!(fed(r#"{"data":null}"#), failed(INTERNAL, "internal error"));
    }
}
