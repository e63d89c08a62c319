//! The four parameters of a GraphQL request, from a POST's body or a GET's query string.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::graphql::request::{
    http::{HttpRequest, Method},
    refusal::Refusal,
};

/// What a client asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::graphql) struct Params {
    /// The document.
    pub(in crate::graphql) query: String,
    /// Which of its operations.
    pub(in crate::graphql) operation_name: Option<String>,
    /// The values of its variables.
    pub(in crate::graphql) variables: Option<Map<String, Value>>,
    /// Accepted, as the specification asks; there are none.
    #[serde(rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

impl Params {
    /// Reads them from where the method has them.
    pub(in crate::graphql) fn read(request: &HttpRequest<'_>) -> Result<Params, Refusal> {
        let value = match request.method {
            Method::Get => from_query_string(request.query_string.unwrap_or_default())?,
            Method::Post => from_body(request.content_type, request.body)?,
        };
        Params::of(value)
    }

    /// Reads them from JSON.
    pub(in crate::graphql) fn of(value: Value) -> Result<Params, Refusal> {
        // An array is refused first: the derived reader would take one for the fields in their order.
        match value {
            Value::Object(object) if is_persisted(&object) => Err(Refusal::PersistedQuery),
            Value::Object(_) => serde_json::from_value(value).map_err(|_| Refusal::Malformed(PARAMETERS)),
            Value::Array(_) => Err(Refusal::Malformed("Batches are not supported: send one request at a time.")),
            _ => Err(Refusal::Malformed(PARAMETERS)),
        }
    }
}

/// Whether it has a document's hash in the document's place.
fn is_persisted(object: &Map<String, Value>) -> bool {
    let extensions = object.get("extensions").and_then(Value::as_object);
    object.get("query").is_none_or(Value::is_null)
        && extensions.is_some_and(|extensions| extensions.contains_key("persistedQuery"))
}

const PARAMETERS: &str = "A request has `query`, a string; where given, `operationName` is a string, and `variables` and `extensions` are objects.";

fn from_body(content_type: Option<&str>, body: &[u8]) -> Result<Value, Refusal> {
    if !content_type.is_some_and(is_json) {
        return Err(Refusal::UnsupportedMediaType);
    }
    serde_json::from_slice(body).map_err(|_| Refusal::Malformed("The body is not JSON."))
}

/// `application/json`, in UTF-8 where it says so.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let charset = |part: &str| part.strip_prefix("charset=").map(|name| name.trim_matches('"').to_owned());
    parts.next().as_deref() == Some("application/json")
        && parts.filter_map(|part| charset(&part)).all(|name| name == "utf-8" || name == "utf8")
}

fn from_query_string(query_string: &str) -> Result<Value, Refusal> {
    let mut object = Map::new();
    for (name, text) in form_urlencoded::parse(query_string.as_bytes()) {
        let value = match &*name {
            "variables" | "extensions" if text.is_empty() => Value::Null,
            "variables" | "extensions" => {
                serde_json::from_str(&text).map_err(|_| Refusal::Malformed("`variables` and `extensions` are JSON."))?
            }
            _ => Value::String(text.into_owned()),
        };
        object.insert(name.into_owned(), value);
    }
    Ok(Value::Object(object))
}
