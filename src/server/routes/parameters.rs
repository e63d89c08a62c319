//! The query string of a route that takes a few plain parameters.

use crate::log::{Cursor, Position};

/// The values of these parameters; `None` where there is another one, or one of them twice. Nothing is decoded: no
/// valid value needs escapes.
pub(in crate::server) fn parameters<'a, const N: usize>(
    query: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a str>; N]> {
    let mut values = [None; N];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let place = names.iter().position(|known| *known == name)?;
        if values[place].replace(value).is_some() {
            return None;
        }
    }
    Some(values)
}

/// A position, written in digits alone.
pub(in crate::server) fn position(text: &str) -> Option<Position> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Position::new)
}

/// A position, or a position with the beginning of the log's digest there. The `@` may be escaped, as some clients do.
pub(in crate::server) fn cursor(text: &str) -> Option<Cursor> {
    let escaped = text.replace("%40", "@");
    position(text).map(Cursor::from).or_else(|| escaped.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_there_once() {
        let read = |query| parameters(query, ["after", "source"]);
        assert_eq!(read(""), Some([None, None]));
        assert_eq!(read("source=a&&after=7"), Some([Some("7"), Some("a")]));
        assert_eq!(read("source="), Some([None, Some("")]));
        for wrong in ["after=1&after=1", "to=3", "after", "&source=a&b=c"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(position("17"), Some(Position::new(17)));
        for wrong in ["", "+1", "-1", "1x", "99999999999999999999"] {
            assert_eq!((position(wrong), cursor(wrong)), (None, None), "{wrong}");
        }
        assert_eq!(cursor("17"), Some(Position::new(17).into()));
        for long in ["17@1a2b3c4d", "17%401a2b3c4d"] {
            assert_eq!(cursor(long).map(|cursor| cursor.to_string()).as_deref(), Some("17@1a2b3c4d"));
        }
    }
}
