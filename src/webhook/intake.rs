//! From the bytes on the wire to the body that is kept: takes the coding off, reads the body, and notes how the
//! delivery was not quite as asked for.
//!
//! Total but for the size: whatever an authenticated sender says of its body, the body is kept (promise 2).

use crate::{lifecycle::Fault, log::Reading};

use super::{
    body::{BYTE_ORDER_MARK, read},
    coding::{CodingFault, decode},
    media_type::MediaType,
};

/// How a genuine delivery is not as asked for. It is kept all the same, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NearMiss {
    /// The route key was found only in its normal form.
    Path,
    /// No media type.
    NoMediaType,
    /// Another media type of JSON, or one given twice.
    JsonMediaType,
    /// A media type of something else than JSON.
    MediaType,
    /// A byte order mark before the JSON.
    Bom,
    /// A content coding that was taken off.
    ContentCoding,
    /// A content coding that is unknown, or that the body does not have; the body was kept as it came.
    ContentCodingKept,
}

impl NearMiss {
    /// All of them.
    pub const ALL: [NearMiss; 7] = [
        NearMiss::Path,
        NearMiss::NoMediaType,
        NearMiss::JsonMediaType,
        NearMiss::MediaType,
        NearMiss::Bom,
        NearMiss::ContentCoding,
        NearMiss::ContentCodingKept,
    ];

    /// The name that metrics use.
    pub fn name(self) -> &'static str {
        match self {
            NearMiss::Path => "path",
            NearMiss::NoMediaType => "no_media_type",
            NearMiss::JsonMediaType => "json_media_type",
            NearMiss::MediaType => "media_type",
            NearMiss::Bom => "bom",
            NearMiss::ContentCoding => "content_coding",
            NearMiss::ContentCodingKept => "content_coding_kept",
        }
    }
}

/// A body as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The body without its content coding; as it came where that could not be taken off.
    pub body: Vec<u8>,
    /// What is read from it.
    pub reading: Reading,
    /// What was not as asked for.
    pub near_misses: Vec<NearMiss>,
}

/// The body has more bytes than the limit once its coding is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Takes a body of at most `bytes_max` bytes, with the values of its `Content-Type` and `Content-Encoding` headers.
pub fn take<'a>(
    media_types: impl IntoIterator<Item = &'a [u8]>,
    codings: impl IntoIterator<Item = &'a [u8]>,
    body: Vec<u8>,
    bytes_max: usize,
) -> Result<Taken, TooLarge> {
    let media_type = MediaType::of(media_types);
    let mut near_misses = Vec::new();
    near_misses.extend(match media_type {
        MediaType::Json => None,
        MediaType::OtherJson => Some(NearMiss::JsonMediaType),
        MediaType::None => Some(NearMiss::NoMediaType),
        MediaType::Other => Some(NearMiss::MediaType),
    });
    let body = match decode(codings, &body, bytes_max) {
        Ok(None) => body,
        Ok(Some(decoded)) => {
            near_misses.push(NearMiss::ContentCoding);
            decoded
        }
        Err(CodingFault::Undecodable) => {
            near_misses.push(NearMiss::ContentCodingKept);
            return Ok(Taken { body, reading: Reading::Unreadable(Fault::ContentCoding), near_misses });
        }
        Err(CodingFault::TooLarge) => return Err(TooLarge),
    };
    if body.starts_with(BYTE_ORDER_MARK.as_bytes()) {
        near_misses.push(NearMiss::Bom);
    }
    let reading = match read(&body) {
        // A body that is an object is read as one, whatever its media type says.
        Reading::Unreadable(Fault::NotJson | Fault::NotAnObject) if media_type == MediaType::Other => {
            Reading::Unreadable(Fault::MediaType)
        }
        reading => reading,
    };
    Ok(Taken { body, reading, near_misses })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code or `read`, and the names of the near misses.
    fn told(media_type: &str, coding: &str, body: &[u8]) -> String {
        let taken = take([media_type.as_bytes()], [coding.as_bytes()], body.to_vec(), 100).unwrap();
        assert_eq!(taken.body, body, "no coding was taken off");
        let read = taken.reading.event_type().map_or_else(Fault::name, |_| "read");
        let misses: Vec<&str> = taken.near_misses.iter().map(|miss| miss.name()).collect();
        format!("{read} {}", misses.join(" ")).trim_end().to_owned()
    }

    #[test]
    fn an_object_by_itself_is_read_and_anything_else_is_kept() {
        let good = br#"{"appointment_id": 1, "event_type": "create"}"#;
        for (media_type, coding, body, expected) in [
            ("application/json", "", &good[..], "read"),
            ("", "", good, "read no_media_type"),
            ("text/json", "identity", good, "read json_media_type"),
            ("text/plain", "", good, "read media_type"),
            ("application/x-www-form-urlencoded", "", good, "read media_type"),
            ("text/plain", "", br#"{"appointment_id": 1, "event_type": "create",}"#, "read media_type"),
            ("text/plain", "", b"\xef\xbb\xbf{\"appointment_id\":1,\"event_type\":\"x\"}", "read media_type bom"),
            ("application/json", "", b"\xef\xbb\xbf[]", "NOT_AN_OBJECT bom"),
            ("text/plain", "", b"{}", "APPOINTMENT_ID_MISSING media_type"),
            ("text/plain", "", b"[]", "MEDIA_TYPE media_type"),
            ("text/plain", "", b"appointment_id=1&event_type=create", "MEDIA_TYPE media_type"),
            ("text/plain", "", b"", "MEDIA_TYPE media_type"),
            ("", "", b"[]", "NOT_AN_OBJECT no_media_type"),
            ("", "", b"hello", "NOT_JSON no_media_type"),
            ("application/x+json", "", b"hello", "NOT_JSON json_media_type"),
            ("application/json", "br", good, "CONTENT_CODING content_coding_kept"),
            ("text/plain", "gzip", good, "CONTENT_CODING media_type content_coding_kept"),
        ] {
            assert_eq!(told(media_type, coding, body), expected, "{media_type} {}", String::from_utf8_lossy(body));
        }
    }
}
