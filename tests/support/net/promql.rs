//! The names in a PromQL expression: which series it selects, and by which labels it groups and joins. Prometheus itself
//! says whether it is an expression at all.

/// What stands between operands.
const WORDS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];
/// What a list of labels follows.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// An expression, as far as it names anything.
#[derive(Debug, Default, PartialEq)]
pub struct Expression {
    /// The selectors, without ranges and offsets.
    pub selectors: Vec<Selector>,
    /// The labels that it groups or joins by.
    pub labels: Vec<String>,
}

/// A metric's name, and its matchers in braces or nothing.
#[derive(Debug, PartialEq)]
pub struct Selector(pub String);

impl Expression {
    /// The names in an expression.
    pub fn read(text: &str) -> Expression {
        let mut expression = Expression::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first == '[' {
                rest = after(rest, ']').1;
            } else if first == '"' {
                rest = after(&rest[1..], '"').1;
            } else if first.is_ascii_digit() {
                // A number or a duration.
                rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
            } else if first.is_ascii_alphabetic() || first == '_' {
                let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
                let (name, then) = rest.split_at(length.unwrap_or(rest.len()));
                rest = expression.take(name, then);
            } else {
                rest = &rest[first.len_utf8()..];
            }
        }
        expression
    }

    /// Takes in a name, and what belongs to it. Returns what follows.
    fn take<'a>(&mut self, name: &str, then: &'a str) -> &'a str {
        let next = then.trim_start();
        if WORDS.contains(&name) {
            return then;
        }
        if LISTS.contains(&name) && next.starts_with('(') {
            let (list, rest) = after(next, ')');
            let labels = list.trim_matches(['(', ')']).split(',').map(|label| label.trim().to_owned());
            self.labels.extend(labels.filter(|label| !label.is_empty()));
            return rest;
        }
        let is_grouped =
            LISTS.iter().any(|list| next.strip_prefix(list).is_some_and(|rest| rest.starts_with([' ', '('])));
        if next.starts_with('(') || is_grouped {
            // A function.
            return then;
        }
        if next.starts_with('{') {
            let (matchers, rest) = after(next, '}');
            self.selectors.push(Selector(format!("{name}{matchers}")));
            return rest;
        }
        self.selectors.push(Selector(name.to_owned()));
        then
    }
}

/// Up to a character and with it, and what follows. No string in between has it.
fn after(text: &str, end: char) -> (&str, &str) {
    text.split_at(text.find(end).map_or(text.len(), |at| at + end.len_utf8()))
}

impl Selector {
    /// The selector once for each of the alternatives of its matchers: `a=~"b|c"` is `a="b"`, and `a="c"`.
    pub fn alternatives(&self) -> Vec<String> {
        let Some((before, rest)) = self.0.split_once("=~\"") else { return vec![self.0.clone()] };
        let (value, after) = rest.split_once('"').expect("the end of a string");
        let rest: Vec<String> = Selector(after.to_owned()).alternatives();
        let values: Vec<String> = match value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"|_".contains(&byte))
        {
            true => value.split('|').map(|one| format!("=\"{one}\"")).collect(),
            false => vec![format!("=~\"{value}\"")],
        };
        values.iter().flat_map(|value| rest.iter().map(move |rest| format!("{before}{value}{rest}"))).collect()
    }
}

/// A text as a value of a query string.
pub fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
