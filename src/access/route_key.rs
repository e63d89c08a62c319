//! The route key in a URL's path, however its sender writes it.
//!
//! A path comes in; the key as it stands there and its normal form go out. Neither a trailing slash, doubled slashes,
//! percent-encoding (once; an encoded slash is a slash) nor blanks around a segment make another key: a sender with the
//! right key, pasted a little wrong, gets in all the same. A configured key is normalised by the same function.

/// What a sender puts after `/webhook`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteKey {
    /// As it stands in the path. A configured digest may be of this.
    pub(super) written: String,
    /// Its normal form; empty where there is no key.
    pub(super) normal: String,
}

impl RouteKey {
    /// The key in a path that leads to the webhooks; `None` for a path that leads elsewhere.
    pub fn in_path(path: &str) -> Option<RouteKey> {
        let whole = normalise(path);
        let normal = match whole.split_once('/') {
            Some(("webhook", key)) => key,
            None if whole == "webhook" => "",
            _ => return None,
        };
        let written = path.strip_prefix("/webhook/").unwrap_or_default();
        Some(RouteKey { written: written.to_owned(), normal: normal.to_owned() })
    }

    /// Whether there is none: only a token can identify the sender.
    pub fn is_empty(&self) -> bool {
        self.normal.is_empty()
    }
}

/// The normal form of a path or key: decoded once, without blanks around its segments and without empty ones.
pub fn normalise(text: &str) -> String {
    let decoded = decode(text);
    let segments = decoded.split('/').map(trim).filter(|segment| !segment.is_empty());
    segments.collect::<Vec<_>>().join("/")
}

/// Trims Unicode's blanks, and the invisible characters that files and word processors leave beside them.
fn trim(segment: &str) -> &str {
    segment.trim_matches(|character: char| character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}'))
}

/// Without percent-encoding. Anything that is no such encoding stays as it is, and so does the whole where it decodes
/// to no text.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let encoded = match after {
            [high, low, ..] if *byte == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        let (decoded, after) = match encoded {
            Some((high, low)) => ((high << 4) | low, &after[2..]),
            None => (*byte, after),
        };
        bytes.push(decoded);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `<path> = <normal form of the key>`; `-` leads elsewhere, `.` is no key.
    #[test]
    fn the_same_key_however_it_is_written() {
        let cases = "
            /webhook                        = .
            /webhook/                       = .
            //webhook//                     = .
            /webhook%20/%09                 = .
            /webhook/CF3u/9285              = CF3u/9285
            /webhook/CF3u/9285/             = CF3u/9285
            /webhook//CF3u///9285//         = CF3u/9285
            //webhook/CF3u/9285             = CF3u/9285
            /webhook/%43F3u/9%32%385        = CF3u/9285
            /webhook/CF3u%2F9285            = CF3u/9285
            /webhook/CF3u%2f%2f9285%2f      = CF3u/9285
            /webhook/%20CF3u/9285%20        = CF3u/9285
            /webhook/%09CF3u/9285%0D%0A     = CF3u/9285
            /webhook/CF3u%20/%209285        = CF3u/9285
            /webhook/%C2%A0CF3u/9285%E2%80%8B = CF3u/9285
            /webhook/%EF%BB%BFCF3u/9285     = CF3u/9285
            /webhook/CF3u%2F%2e             = CF3u/.
            /webhook/CF3u/..                = CF3u/..
            /webhook/a%20b                  = a b
            /webhook/a+b                    = a+b
            /webhook/a%2520b                = a%20b
            /webhook/100%                   = 100%
            /webhook/%4                     = %4
            /webhook/%zz%2                  = %zz%2
            /webhook/%ff%41                 = %ff%41
            /Webhook/CF3u                   = -
            /webhooks/CF3u                  = -
            /webhook2                       = -
            /                               = -
            /graphql                        = -
            /a/webhook/CF3u                 = -
        ";
        for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (path, expected) = case.rsplit_once(" = ").unwrap();
            let told = match RouteKey::in_path(path.trim()) {
                None => "-".to_owned(),
                Some(key) if key.is_empty() => ".".to_owned(),
                Some(key) => key.normal,
            };
            assert_eq!(told, expected, "{case}");
        }
        assert_eq!(RouteKey::in_path("/webhook/a%2Fb/").unwrap().written, "a%2Fb/");
    }

    proptest! {
        #[test]
        fn a_key_of_the_usual_characters_is_normal_and_found_in_any_writing(
            segments in prop::collection::vec("[A-Za-z0-9._~-]{1,12}", 1..4),
            encode_one_in in 1_usize..9,
            (slashes, blanks) in (1_usize..4, 0_usize..3),
        ) {
            let key = segments.join("/");
            prop_assert_eq!(&normalise(&key), &key);
            let write = |(index, byte): (usize, u8)| match index % encode_one_in {
                0 => format!("%{byte:02X}"),
                _ => char::from(byte).to_string(),
            };
            let encoded: Vec<String> =
                segments.iter().map(|segment| segment.bytes().enumerate().map(write).collect()).collect();
            let (slash, blank) = ("/".repeat(slashes), "%20".repeat(blanks));
            let path = format!("{slash}webhook{slash}{blank}{}{blank}{slash}", encoded.join(&slash));
            prop_assert_eq!(RouteKey::in_path(&path).map(|found| found.normal), Some(key));
        }

        #[test]
        fn any_path_has_an_answer(path in "\\PC{0,60}|[/%0-9a-f ]{0,40}") {
            let _ = RouteKey::in_path(&path);
        }
    }
}
