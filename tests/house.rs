//! Keeps the house in order: which place may name which, and which foreign crate has which home.
//! The README's architecture part says why.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A place in `src/`, in reading order, and the places it may name.
const PLACES: &[(&str, &[&str])] = &[
    ("lifecycle", &[]),
    ("log", &["lifecycle"]),
    ("credential", &[]),
    ("webhook", &["lifecycle", "log", "credential"]),
    ("simulate", &["lifecycle", "log"]),
    ("projection", &["lifecycle", "log"]),
    ("tracker", &["lifecycle", "log", "projection"]),
    ("retention", &["lifecycle", "log", "projection"]),
    ("copies", &["lifecycle", "log"]),
    ("graphql", &["lifecycle", "log", "credential", "projection", "tracker"]),
    // Pages know nothing of the core: they ask `/graphql`.
    ("dashboard", &[]),
    (
        "server",
        &["lifecycle", "log", "credential", "webhook", "projection", "tracker", "copies", "graphql", "dashboard"],
    ),
    ("config", &["lifecycle", "log", "credential", "webhook", "projection", "graphql"]),
    (
        "cli",
        &[
            "lifecycle",
            "log",
            "credential",
            "webhook",
            "simulate",
            "projection",
            "tracker",
            "retention",
            "copies",
            "graphql",
            "server",
            "config",
        ],
    ),
    ("main", &["cli", "log", "clockfold"]),
];

/// A foreign crate, and the places that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli"]),
    ("async_graphql", &["graphql"]),
    ("async_graphql_value", &["graphql"]),
    ("base64", &["credential", "copies", "graphql"]),
    ("blake3", &["log", "credential", "projection", "copies", "dashboard"]),
    (
        "chrono",
        &[
            "lifecycle",
            "log",
            "credential",
            "webhook",
            "simulate",
            "projection",
            "tracker",
            "retention",
            "copies",
            "graphql",
            "server",
            "config",
            "cli",
            "main",
        ],
    ),
    ("chrono_tz", &["graphql", "config", "cli"]),
    ("clap", &["cli"]),
    ("clockfold_rows", &["projection"]),
    ("crc32fast", &["log", "projection", "copies"]),
    ("flate2", &["webhook", "dashboard"]),
    ("form_urlencoded", &["graphql"]),
    ("futures_executor", &["graphql"]),
    ("futures_util", &["tracker", "graphql", "server"]),
    ("getrandom", &["log", "credential"]),
    ("governor", &["server"]),
    ("hyper", &["server"]),
    ("hyper_util", &["server"]),
    ("indicatif", &["cli"]),
    ("lz4_flex", &["log"]),
    ("metrics", &["log", "tracker", "copies", "server"]),
    ("metrics_exporter_prometheus", &["server"]),
    ("postcard", &["log", "projection"]),
    ("rustix", &["log", "copies", "cli"]),
    ("serde", &["log", "webhook", "projection", "copies", "graphql", "server", "config", "cli"]),
    ("serde_bytes", &["log"]),
    ("serde_json", &["webhook", "copies", "graphql", "server", "cli"]),
    ("sled", &["log"]),
    ("strsim", &["config"]),
    ("subtle", &["credential", "webhook", "graphql", "server"]),
    ("thiserror", &["log", "credential", "webhook", "projection", "tracker", "copies", "graphql", "config"]),
    ("tokio", &["tracker", "graphql", "server", "cli"]),
    ("tokio_tungstenite", &["server"]),
    ("tokio_util", &["graphql", "server", "cli"]),
    ("toml", &["config"]),
    ("tower_service", &["server"]),
    ("tracing", &["log", "projection", "tracker", "copies", "graphql", "server", "cli"]),
    ("tracing_subscriber", &["cli"]),
    ("ureq", &["cli"]),
    ("warp", &["server"]),
    // Ours, as `main` sees it.
    ("clockfold", &["main"]),
    ("std", &[]),
    ("core", &[]),
    ("alloc", &[]),
];

/// What a file of `place` names against the tables.
fn violations(place: &str, text: &str) -> Vec<String> {
    let Some((_, may)) = PLACES.iter().find(|(known, _)| *known == place) else {
        return vec![format!("`{place}` has no row in the table of places")];
    };
    let code = without_comments_and_strings(text);
    let mut found = Vec::new();
    for named in named_after(&code, "crate::") {
        let is_place = PLACES.iter().any(|(known, _)| *known == named);
        if is_place && named != place && !may.contains(&named.as_str()) {
            found.push(format!("`{place}` names `crate::{named}`"));
        }
    }
    for (foreign, homes) in HOMES.iter().filter(|(name, _)| !["std", "core", "alloc"].contains(name)) {
        if !homes.contains(&place) && names_crate(&code, foreign) {
            found.push(format!("`{place}` names the crate `{foreign}`"));
        }
    }
    found
}

/// The first names after each `prefix`, also those in a brace list.
fn named_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (start, _) in code.match_indices(prefix) {
        let rest = &code[start + prefix.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        names.insert(first_name(&std::mem::take(&mut name)));
                        continue;
                    }
                    _ => {}
                }
                name.push(character);
            }
            names.insert(first_name(&name));
        } else {
            names.insert(first_name(rest));
        }
    }
    names
}

fn first_name(text: &str) -> String {
    text.trim_start().chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

/// Whether a path begins with this crate's name: `name::…` with nothing before it that makes it another path.
fn names_crate(code: &str, name: &str) -> bool {
    let pattern = format!("{name}::");
    code.match_indices(&pattern).any(|(start, _)| {
        let before = code[..start].trim_end_matches(' ');
        let glued = before.ends_with(|character: char| character.is_alphanumeric() || character == '_');
        let keyword =
            ["use", "as", "in", "return", "dyn", "impl", "mut", "await", "else", "match", "if", "const", "for"]
                .iter()
                .any(|word| before.ends_with(word));
        let in_path = before.ends_with("::");
        !in_path && (!glued || (keyword && before.len() < start))
    }) || code.contains(&format!("use {name};"))
}

fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        for (index, part) in line.split('"').enumerate() {
            if index % 2 == 0 {
                code.push_str(part);
            }
        }
        code.push('\n');
    }
    code
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn place_of(path: &Path, src: &Path) -> String {
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn every_file_names_only_what_its_place_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in source_files(&src) {
        let place = place_of(&file, &src);
        if place != "lib" {
            let text = fs::read_to_string(&file).unwrap();
            found.extend(violations(&place, &text).into_iter().map(|why| format!("{}: {why}", file.display())));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_readme_tells_of_these_places() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let table = readme.split_once("| place | what it is | may name |\n").unwrap().1.split("\n\n").next().unwrap();
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let path = Path::new(cells[0].split('`').nth(1).unwrap());
        let before = || told.iter().map(|(place, _)| place.as_str());
        let may: BTreeSet<&str> = match cells[2].strip_prefix("all above but ") {
            Some(but) => before().filter(|place| *place != but).collect(),
            None => cells[2].split(", ").filter(|name| *name != "–").collect(),
        };
        let places: Vec<&str> = PLACES.iter().map(|(place, _)| *place).filter(|place| may.contains(place)).collect();
        assert_eq!(places.len(), may.len(), "{row}");
        told.push((place_of(path, Path::new("src")), places));
    }
    let is_place = |name: &str| PLACES.iter().any(|(place, _)| *place == name);
    let places = PLACES.iter().map(|(place, may)| {
        ((*place).to_owned(), may.iter().copied().filter(|name| is_place(name)).collect::<BTreeSet<&str>>())
    });
    let told: BTreeSet<_> = told.into_iter().map(|(place, may)| (place, BTreeSet::from_iter(may))).collect();
    assert_eq!(told, places.collect());
}

#[test]
fn every_dependency_has_a_home() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in dependencies.lines().filter(|line| line.contains('=')) {
        let name = line.split(['=', '.']).next().unwrap().trim().replace('-', "_");
        assert!(HOMES.iter().any(|(known, _)| *known == name), "`{name}` has no row in the table of homes");
        assert!(
            line.contains('#') || name.starts_with("serde") || name == "thiserror" || name == "tracing",
            "{line}: why?"
        );
    }
}

/// What stands at the top, and what expects it there. Names that begin with a dot are tools' own.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "crates",
    // Prometheus, Grafana, systemd.
    "deploy",
    "clippy.toml",
    "fixtures",
    "rustfmt.toml",
    "schema",
    "src",
    "tests",
];

#[test]
fn nothing_else_stands_at_the_top() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(top.join(".gitignore")).unwrap();
    let mut found: BTreeSet<String> = BTreeSet::new();
    for entry in fs::read_dir(top).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_ignored = ignored.lines().any(|line| line.trim_start_matches('/') == name);
        if !name.starts_with('.') && !is_ignored {
            found.insert(name);
        }
    }
    let known: BTreeSet<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, known);
}

#[test]
fn a_planted_violation_is_found() {
    for (place, planted) in [
        ("lifecycle", "use crate::log::Position;"),
        ("lifecycle", "fn f() { let now = tokio::time::Instant::now(); }"),
        ("projection", "use crate::{lifecycle::Status, webhook::Gate};"),
        ("graphql", "use crate::{\n    log::Log,\n    server::App,\n};"),
        ("tracker", "let tree: sled::Tree;"),
        ("server", "use sled;"),
        ("webhook", "fn f(x: &async_graphql::Request) {}"),
        ("dashboard", "use crate::graphql::sdl;"),
        ("attic", "fn main() {}"),
    ] {
        assert!(!violations(place, planted).is_empty(), "{place}: {planted}");
    }
    for (place, clean) in [
        ("lifecycle", "//! use crate::log::Position;\nuse chrono::Utc;"),
        ("server", "use crate::log::Log; // sled::Tree\nlet text = \"sled::Tree\";"),
        ("cli", "use crate::config::toml::Thing;"),
    ] {
        assert_eq!(violations(place, clean), Vec::<String>::new(), "{place}: {clean}");
    }
}
