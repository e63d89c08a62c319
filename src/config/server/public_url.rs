//! `public_url` of `[server]`: where browsers find the pages when a proxy is in front, maybe under a path of another site.
//!
//! Its origin is compared to the letter with what a browser sends, and its path is that of cookies. So this brings it
//! into the one form that both have, and refuses an address that has none.

use crate::config::{
    document::Section,
    error::{Problems, shown},
    server::origins::is_origin,
};

const HINT: &str = "write where browsers find the pages, without `?` and `#`, such as https://clinic.example or https://clinic.example/clockfold";

/// Where browsers find the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// As a browser sends it: `https://clinic.example`.
    pub origin: String,
    /// `/clockfold`, or nothing where the pages are at the top. No slash at its end.
    pub path: String,
}

/// Reads it; `None` where the key is absent.
pub(super) fn read(table: &mut Section, key: &str, problems: &mut Problems) -> Option<PublicUrl> {
    let (place, text) = table.text(key, problems)?;
    let url = parse(&text);
    if url.is_none() {
        problems.add(&place, format!("`{key}`{} is not an http or https address of pages", shown(&text)), HINT);
    }
    url
}

fn parse(text: &str) -> Option<PublicUrl> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.to_ascii_lowercase();
    let origin = format!("{scheme}://{}", host.strip_suffix(default_port).unwrap_or(&host));
    let path = path.strip_suffix('/').unwrap_or(path);
    (is_origin(&origin) && is_path(path)).then(|| PublicUrl { origin, path: path.to_owned() })
}

/// Whether this is a path that a browser keeps as it is, and that may stand in a cookie.
fn is_path(path: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+=:@".contains(&byte);
    let mut segments = path.split('/');
    let first = segments.next();
    first == Some("") && segments.all(|segment| !["", ".", ".."].contains(&segment) && segment.bytes().all(may_stand))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_pages_has_an_origin_and_a_path() {
        for (text, origin, path) in [
            ("https://clinic.example", "https://clinic.example", ""),
            ("https://clinic.example/", "https://clinic.example", ""),
            ("https://clinic.example/clockfold", "https://clinic.example", "/clockfold"),
            ("https://clinic.example/clockfold/", "https://clinic.example", "/clockfold"),
            ("HTTPS://Clinic.Example:443/Clock/fold%20it/", "https://clinic.example", "/Clock/fold%20it"),
            ("http://127.0.0.1:8443/a", "http://127.0.0.1:8443", "/a"),
            ("http://[::1]:80", "http://[::1]", ""),
        ] {
            let url = PublicUrl { origin: origin.to_owned(), path: path.to_owned() };
            assert_eq!(parse(text), Some(url), "{text}");
        }
        for other in [
            "",
            "clinic.example",
            "/clockfold",
            "//clinic.example/clockfold",
            "https://",
            "https:///clockfold",
            "ftp://clinic.example",
            "wss://clinic.example",
            "https://clinic.example?a=b",
            "https://clinic.example/clockfold?a=b",
            "https://clinic.example/clockfold#a",
            "https://me:secret@clinic.example/",
            "https://clinic.example:99999/",
            "https://klinik-münchen.example/",
            "https://clinic.example/clockfold//",
            "https://clinic.example/a//b",
            "https://clinic.example/../b",
            "https://clinic.example/a;b",
            "https://clinic.example/a b",
            "https://clinic.example/a\r\nb",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
