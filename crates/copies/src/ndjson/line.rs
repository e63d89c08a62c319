//! The lines as JSON, and their conversion from and to deliveries. A message names a field, never its value.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use clockfold_lifecycle::Fault;
use clockfold_log::{Body, Delivery, Digest, Head, Position, Reading};

use super::{escape::escape_controls, header::Header};
use crate::stretch::Stretch;

const FORMAT: &str = "clockfold-export";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeaderLine {
    format: String,
    version: u32,
    after: HeadWords,
    to: HeadWords,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<String>>,
}

/// Only the first two of a header, to tell another format from a mistake.
#[derive(Deserialize)]
struct Kind {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndLine {
    end: bool,
    after: HeadWords,
    to: HeadWords,
    deliveries: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadWords {
    position: String,
    digest: String,
}

/// Every field may be missing for the parser, so that the message can name the one that is.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct DeliveryLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commitment: Option<String>,
}

pub(super) fn print_header(header: &Header, line: &mut Vec<u8>) {
    let words = HeaderLine {
        format: FORMAT.to_owned(),
        version: VERSION,
        after: head_words(header.stretch.after),
        to: head_words(header.stretch.to),
        sources: source_words(header),
    };
    print(&words, line);
}

pub(super) fn print_end(header: &Header, deliveries: u64, line: &mut Vec<u8>) {
    let words = EndLine {
        end: true,
        after: head_words(header.stretch.after),
        to: head_words(header.stretch.to),
        deliveries: deliveries.to_string(),
        sources: source_words(header),
    };
    print(&words, line);
}

pub(super) fn print_delivery(delivery: &Delivery, line: &mut Vec<u8>) {
    let mut words = DeliveryLine {
        position: Some(delivery.position.to_string()),
        received_at: Some(print_time(delivery.received_at)),
        source: Some(delivery.source.to_string()),
        delivery_id: delivery.delivery_id.clone(),
        ..DeliveryLine::default()
    };
    match &delivery.reading {
        Reading::Readable { appointment_id, event_type } => {
            words.appointment_id = Some(appointment_id.to_string());
            words.event_type = Some(event_type.to_string());
        }
        Reading::Unreadable(fault) => words.unreadable = Some(fault.name().to_owned()),
        Reading::ReadSince { fault, appointment_id, event_type } => {
            words.unreadable = Some(fault.name().to_owned());
            // From a body that is there, it is read again.
            if let Body::Erased { .. } = delivery.body {
                words.appointment_id = Some(appointment_id.to_string());
                words.event_type = Some(event_type.to_string());
            }
        }
    }
    match &delivery.body {
        Body::Kept { salt, bytes } => {
            words.salt = Some(STANDARD.encode(salt));
            words.body = Some(STANDARD.encode(bytes));
        }
        Body::Erased { commitment } => words.commitment = Some(commitment.to_string()),
    }
    print(&words, line);
}

pub(super) fn parse_header(line: &[u8]) -> Result<Header, String> {
    let kind: Result<Kind, _> = serde_json::from_slice(line);
    match kind {
        Ok(Kind { format, .. }) if format != FORMAT => return Err(not_an_export()),
        Ok(Kind { version, .. }) if version != VERSION => {
            return Err(format!(
                "this is version {version} of the format, which this program does not know; a newer one may have written it"
            ));
        }
        Ok(_) => {}
        Err(_) => return Err(not_an_export()),
    }
    let words: HeaderLine = parse(line)?;
    let sources = words.sources.map(|names| names.iter().map(|name| name.parse()).collect()).transpose();
    let sources = sources.map_err(|_| "`sources` has what is no source's name".to_owned())?;
    let (after, to) = (parse_head(&words.after)?, parse_head(&words.to)?);
    if after.position > to.position {
        return Err("`after` is behind `to`".to_owned());
    }
    if after.position == Position::ZERO && after.digest != Digest::EMPTY {
        return Err("the digest of an empty log is 64 zeros".to_owned());
    }
    Ok(Header { stretch: Stretch { after, to }, sources })
}

/// Whether the line is meant as the last one.
pub(super) fn is_end(line: &[u8]) -> bool {
    line.starts_with(b"{\"end\"")
}

/// Checks the last line against what was read.
pub(super) fn check_end(line: &[u8], header: &Header, deliveries: u64) -> Result<(), String> {
    let words: EndLine = parse(line)?;
    let same = words.end
        && parse_head(&words.after)? == header.stretch.after
        && parse_head(&words.to)? == header.stretch.to
        && words.sources == source_words(header);
    if !same {
        return Err("the last line tells another stretch than the first one".to_owned());
    }
    if words.deliveries != deliveries.to_string() {
        return Err(format!("the last line does not count the {deliveries} deliveries that are there"));
    }
    Ok(())
}

pub(super) fn parse_delivery(line: &[u8]) -> Result<Delivery, String> {
    let words: DeliveryLine = parse(line)?;
    let needed = |field: Option<String>, name: &str| field.ok_or_else(|| format!("`{name}` is missing"));
    let position = parse_position(&needed(words.position, "position")?)?;
    let received_at = parse_time(&needed(words.received_at, "receivedAt")?)?;
    let source = needed(words.source, "source")?.parse().map_err(|error| format!("`source`: {error}"))?;
    let id = |id: String| {
        id.parse().map_err(|()| "`appointmentId` is not an integer from 1 to 9223372036854775807".to_owned())
    };
    let fault = |code: String| {
        Fault::from_name(&code).ok_or_else(|| {
            "`unreadable` is no code that this program knows; a newer one may have written it".to_owned()
        })
    };
    let is_erased = words.commitment.is_some();
    let reading = match (words.appointment_id, words.event_type, words.unreadable) {
        (Some(appointment_id), Some(event_type), None) => {
            Reading::Readable { appointment_id: id(appointment_id)?, event_type: event_type.into() }
        }
        (None, None, Some(code)) => Reading::Unreadable(fault(code)?),
        (Some(appointment_id), Some(event_type), Some(code)) if is_erased => Reading::ReadSince {
            fault: fault(code)?,
            appointment_id: id(appointment_id)?,
            event_type: event_type.into(),
        },
        _ => return Err("there is to be either `appointmentId` and `eventType`, or `unreadable`".to_owned()),
    };
    let body = match (words.salt, words.body, words.commitment) {
        (Some(salt), Some(body), None) => Body::Kept {
            salt: decode("salt", &salt)?.try_into().map_err(|_| "`salt` does not have 16 bytes".to_owned())?,
            bytes: decode("body", &body)?,
        },
        (None, None, Some(commitment)) => {
            Body::Erased { commitment: commitment.parse().map_err(|error| format!("`commitment`: {error}"))? }
        }
        _ => return Err("there is to be either `salt` and `body`, or `commitment`".to_owned()),
    };
    Ok(Delivery { position, received_at, source, reading, delivery_id: words.delivery_id, body })
}

fn print(words: &impl Serialize, line: &mut Vec<u8>) {
    line.clear();
    let json = serde_json::to_string(words).expect("lines have string keys");
    line.extend_from_slice(escape_controls(json).as_bytes());
    line.push(b'\n');
}

/// The parser's own messages may repeat a part of the line, so we take only the place from them.
fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        let column = error.column();
        match error.classify() {
            serde_json::error::Category::Data => {
                format!("a field is not known, is missing, stands twice or is of another kind (column {column})")
            }
            _ => format!("this is not JSON (column {column})"),
        }
    })
}

fn not_an_export() -> String {
    format!("this is not an export: the first line begins with {{\"format\":\"{FORMAT}\",\"version\":{VERSION}")
}

fn head_words(head: Head) -> HeadWords {
    HeadWords { position: head.position.to_string(), digest: head.digest.to_string() }
}

fn source_words(header: &Header) -> Option<Vec<String>> {
    header.sources.as_ref().map(|sources| sources.iter().map(ToString::to_string).collect())
}

fn parse_head(words: &HeadWords) -> Result<Head, String> {
    let digest = words.digest.parse().map_err(|error| format!("`digest`: {error}"))?;
    Ok(Head { position: parse_position(&words.position)?, digest })
}

fn parse_position(text: &str) -> Result<Position, String> {
    let number: Option<u64> = text.parse().ok().filter(|number: &u64| number.to_string() == text && *number < u64::MAX);
    number.map(Position::new).ok_or_else(|| "`position` is not a decimal number".to_owned())
}

fn print_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let canonical = time.filter(|time| print_time(*time) == text);
    canonical.ok_or_else(|| "`receivedAt` is not a time such as 2026-03-02T15:04:05.678Z".to_owned())
}

fn decode(name: &str, text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| format!("`{name}` is not base64"))
}
