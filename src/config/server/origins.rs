//! `allowed_origins` of `[server]`: the web pages that may read answers in a browser.
//!
//! A browser sends an origin in one form only, and it is compared to the letter. So this refuses another form, and
//! names the one to write.

use crate::config::{
    document::{Section, text},
    error::{Problems, shown_or},
};

const HINT: &str = "write it as the browser sends it: scheme://host or scheme://host:port, in lower case, such as https://board.example";

/// Reads them; none where the key is absent.
pub(super) fn read(table: &mut Section, key: &str, problems: &mut Problems) -> Vec<String> {
    let mut origins = Vec::new();
    for node in table.list(key, problems) {
        let Some((place, text)) = text(node, "an origin", problems) else { continue };
        if text == "*" {
            problems.add(
                &place,
                "every origin can't be allowed: any page that a reader opens could ask with what its browser has",
                "list the origins one by one, such as https://board.example",
            );
        } else if !is_origin(&text) {
            problems.add(&place, format!("{} is no origin", shown_or(&text, "this")), HINT);
        } else if origins.contains(&text) {
            let message = format!("{} is listed twice", shown_or(&text, "this origin"));
            problems.add(&place, message, "list each origin once");
        } else {
            origins.push(text);
        }
    }
    origins
}

/// Whether this is an origin in the form in which a browser sends it.
pub(super) fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if address.parse::<std::net::Ipv6Addr>().is_ok() => match rest {
            "" => ("localhost", None),
            rest => match rest.strip_prefix(':') {
                Some(port) => ("localhost", Some(port)),
                None => return false,
            },
        },
        Some(_) => return false,
        None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let is_host = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte));
    let is_default = matches!((scheme, port), ("http", Some("80")) | ("https", Some("443")));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
    is_scheme && is_host && is_port && !is_default
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_form() {
        for origin in
            ["https://board.example", "http://localhost:5173", "https://[::1]:8443", "http://10.0.0.1", "app://board"]
        {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "null",
            "board.example",
            "https://",
            "https://board.example/",
            "https://Board.example",
            "HTTPS://board.example",
            "https://board.example:443",
            "http://board.example:80",
            "https://board.example:",
            "https://board.example:08443",
            "https://board.example:99999",
            "https://*.example",
            "https://me@board.example",
            "https://[board]",
            "https://[::1]8443",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
