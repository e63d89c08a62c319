//! The README's worked queries, asked of the real program: their section's webhooks are posted, its queries are asked,
//! and the answers are the ones that it prints.
//!
//! Webhooks arrive when the test posts them, so each of the section's arrival times stands for the real one of the
//! same position. `UPDATE_GOLDEN=1 cargo test --test server readme` writes the answers anew. Read the diff.

use std::{fs, path::Path, thread, time::Duration};

use async_graphql::{Name, Value};

use crate::support::server::Server;

/// Where the section begins.
const HEADING: &str = "\n## Worked queries\n";

/// What a line of an answer may take before it is broken.
const COLUMNS: usize = 150;

/// A webhook of the section's table.
struct Webhook<'a> {
    received_at: &'a str,
    source: &'a str,
    body: &'a str,
}

#[test]
fn the_worked_queries_have_the_answers_that_the_readme_tells() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let start = readme.find(HEADING).expect("the section") + HEADING.len();
    let end = start + readme[start..].find("\n## ").expect("a section after it");
    let section = &readme[start..end];

    let data = tempfile::tempdir().unwrap();
    let config = between(section, "```toml\n", "```").expect("the configuration");
    let server = Server::start(data.path(), config);
    let webhooks: Vec<_> = section.lines().filter_map(webhook).collect();
    let times = post(&server, config, &webhooks);

    let (asked, written) = answer_all(section, |query| {
        let answer = server.ask(&[], &replaced(query, &times)).text();
        let backwards: Vec<_> = times.iter().map(|(told, real)| (real.clone(), told.clone())).collect();
        printed(&serde_json::from_str(&replaced(&answer, &backwards)).unwrap(), 0, 0)
    });
    assert!(webhooks.len() >= 10 && asked >= 10, "the section has its webhooks and queries");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{}{written}{}", &readme[..start], &readme[end..])).unwrap();
    } else {
        assert_eq!(section, written, "the README tells other answers; UPDATE_GOLDEN=1 writes them anew");
    }
}

/// Tests in a browser make them: `UPDATE_GOLDEN=1` has those that stand there made anew.
#[test]
fn every_screenshot_that_is_kept_is_shown_and_has_words() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    let mut shown: Vec<_> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("![")?.strip_suffix(".png)")?.split_once("](fixtures/screenshots/"))
        .map(|(words, name)| {
            assert!(words.split(' ').count() > 3, "{name}: {words}");
            format!("{name}.png")
        })
        .collect();
    shown.sort();
    let kept = fs::read_dir(project.join("fixtures/screenshots")).unwrap();
    let mut kept: Vec<_> = kept.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    kept.sort();
    assert_eq!(shown, kept);
    for name in kept {
        let bytes = fs::read(project.join("fixtures/screenshots").join(&name)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() < 400_000, "{name}: {} bytes", bytes.len());
    }
}

/// The text after the first `begin`, up to the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

/// A row of the table of webhooks.
fn webhook(line: &str) -> Option<Webhook<'_>> {
    let cells: Vec<_> =
        line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(|cell| cell.trim_matches('`')).collect();
    let &[position, received_at, source, body] = cells.as_slice() else { return None };
    position.parse::<u64>().ok().map(|_| Webhook { received_at, source, body })
}

/// Posts the webhooks, each in a millisecond of its own. Returns for each the time that is told and the real one.
fn post(server: &Server, config: &str, webhooks: &[Webhook<'_>]) -> Vec<(String, String)> {
    let of = |webhook: &Webhook<'_>| {
        let key = between(config, &format!("name = \"{}\"\nroute_keys = [\"", webhook.source), "\"").expect("its key");
        let answer = server.post_to(key, webhook.body.as_bytes()).json();
        thread::sleep(Duration::from_millis(3));
        (webhook.received_at.to_owned(), answer["receivedAt"].as_str().expect("it was kept").to_owned())
    };
    webhooks.iter().map(of).collect()
}

fn replaced(text: &str, by: &[(String, String)]) -> String {
    by.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Asks every query of the section. Returns how many there are, and the section with the answers.
fn answer_all(section: &str, ask: impl Fn(&str) -> String) -> (usize, String) {
    let mut parts = section.split("```graphql\n");
    let mut written = parts.next().unwrap_or_default().to_owned();
    let mut asked = 0;
    for part in parts {
        let (query, rest) = part.split_once("```\n```json\n").expect("an answer after each query");
        let (_, rest) = rest.split_once("```").expect("the answer's end");
        written.push_str(&format!("```graphql\n{query}```\n```json\n{}\n```{rest}", ask(query)));
        asked += 1;
    }
    (asked, written)
}

/// JSON in the order of the answer: what fits stands in a line, of which `taken` columns are taken.
fn printed(value: &Value, indent: usize, taken: usize) -> String {
    let line = in_a_line(value);
    if taken + line.len() < COLUMNS {
        return line;
    }
    let inner = indent + 2;
    let (open, close, parts): (_, _, Vec<String>) = match value {
        Value::Object(fields) => {
            let field = |(name, value): (&Name, &Value)| {
                let name = format!("\"{name}\": ");
                let value = printed(value, inner, inner + name.len());
                name + &value
            };
            ('{', '}', fields.iter().map(field).collect())
        }
        Value::List(items) => ('[', ']', items.iter().map(|item| printed(item, inner, inner)).collect()),
        _ => return line,
    };
    let (pad, end) = (" ".repeat(inner), " ".repeat(indent));
    format!("{open}\n{pad}{}\n{end}{close}", parts.join(&format!(",\n{pad}")))
}

fn in_a_line(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&Name, &Value)| format!("\"{name}\": {}", in_a_line(value));
            format!("{{{}}}", joined(fields.iter().map(field).collect()))
        }
        Value::List(items) => format!("[{}]", joined(items.iter().map(in_a_line).collect())),
        leaf => serde_json::to_string(leaf).unwrap(),
    }
}
