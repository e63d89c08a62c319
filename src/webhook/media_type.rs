//! The kind of text that a sender calls its body.
//!
//! The values of the `Content-Type` headers come in, a kind goes out. It never decides whether a delivery is kept; it
//! decides whether a body that is no JSON object counts as broken JSON, or as something else than JSON.

/// The kind of the body, as its sender has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/json`, with any parameters.
    Json,
    /// Another type of JSON, or one given more than once.
    OtherJson,
    /// None is given.
    None,
    /// Something that is no JSON.
    Other,
}

impl MediaType {
    /// The kind that these header values say. Bytes that are no ASCII text name no type of JSON.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> MediaType {
        let mut said = 0;
        let mut plain = true;
        for value in values {
            let Ok(value) = std::str::from_utf8(value) else { return MediaType::Other };
            for one in parts(value) {
                let essence = one.split(';').next().unwrap_or_default().trim();
                if essence.is_empty() && one.trim().is_empty() {
                    continue;
                }
                if !is_json(essence) {
                    return MediaType::Other;
                }
                said += 1;
                plain &= essence.eq_ignore_ascii_case("application/json");
            }
        }
        match said {
            0 => MediaType::None,
            1 if plain => MediaType::Json,
            _ => MediaType::OtherJson,
        }
    }
}

/// Types that are read as JSON: RFC 8259, RFC 6839 (`+json`), and what was usual before them. Their case does not count.
fn is_json(essence: &str) -> bool {
    let known = ["application/json", "text/json", "application/x-json", "text/x-json"];
    let suffixed = || {
        let (kind, subtype) = essence.split_once('/')?;
        let (name, suffix) = subtype.rsplit_once('+')?;
        let is_token = !subtype.contains(char::is_whitespace);
        Some(!kind.is_empty() && !name.is_empty() && is_token && suffix.eq_ignore_ascii_case("json"))
    };
    known.iter().any(|known| known.eq_ignore_ascii_case(essence)) || suffixed().unwrap_or(false)
}

/// The parts between commas; a comma in a quoted parameter is none.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    value.split(move |character| {
        let parts = character == ',' && !quoted;
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        parts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `<values, | between headers> -> <kind>`
    #[test]
    fn kinds() {
        let cases = r#"
            application/json                                -> Json
            application/json; charset=utf-8                 -> Json
            Application/JSON                                -> Json
            application/json ;x=y                           -> Json
            application/json;                               -> Json
            application/json; x="a,b\",c"                   -> Json
            text/json                                       -> OtherJson
            text/JSON;charset=UTF-8                         -> OtherJson
            application/x-json                              -> OtherJson
            application/vnd.api+json                        -> OtherJson
            application/cloudevents+JSON; charset=utf-8     -> OtherJson
            application/problem+json                        -> OtherJson
            application/json, application/json              -> OtherJson
            application/json | application/json             -> OtherJson
            application/json,application/json; charset=utf-8 -> OtherJson
            application/json, text/json                     -> OtherJson
            application/json,                               -> Json
            application/json |                              -> Json
                                                            -> None
            ,                                               -> None
            text/plain                                      -> Other
            application/x-www-form-urlencoded               -> Other
            application/json, text/plain                    -> Other
            text/plain | application/json                   -> Other
            application/jsonp                               -> Other
            application/json+x                              -> Other
            application/+json                               -> Other
            +json                                           -> Other
            json                                            -> Other
            ; charset=utf-8                                 -> Other
            */*                                             -> Other
        "#;
        for case in cases.lines().filter(|line| !line.trim().is_empty()) {
            let (values, expected) = case.rsplit_once("->").unwrap();
            let values = values.split('|').map(|value| value.trim().as_bytes());
            assert_eq!(format!("{:?}", MediaType::of(values)), expected.trim(), "{case}");
        }
        assert_eq!(MediaType::of([]), MediaType::None);
        assert_eq!(MediaType::of([&b"application/json\xff"[..]]), MediaType::Other);
    }
}
