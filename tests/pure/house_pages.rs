//! Keeps the pages' house in order: which file may name which package, which may ask the server, and which page may
//! know which. The board's first load stays small because of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use clockfold::lifecycle::{Code, Outcome};

/// A package, why it is there, and where it may be named, as beginnings of paths below `src/`.
const PACKAGES: &[(&str, &str, &[&str])] = &[
    ("lit", "elements that draw only what has changed", &[""]),
    ("graphql-ws", "the protocol of the server's WebSocket", &["server/live/socket.ts"]),
    ("graphql", "graphql-ws' types name it; nothing of it is in a page", &[]),
    ("uplot", "charts of thousands of points; loaded with the charts only", &["pages/charts/"]),
    ("axe-core", "the tests look over every page with it", &[]),
    ("typescript", "checks the types", &[]),
    ("vite", "bundles the pages", &[]),
];

/// What only some files may have: everything that reaches the server, or that a strict policy forbids.
const WORDS: &[(&str, &[&str])] = &[
    ("fetch(", &["server/graphql.ts", "server/session.ts", "server/live/"]),
    ("WebSocket(", &[]),
    ("EventSource(", &[]),
    ("XMLHttpRequest", &[]),
    ("document.cookie", &[]),
    ("innerHTML", &[]),
    ("unsafeHTML", &[]),
    ("eval(", &[]),
    // An attribute is inline style, which the policy forbids; a property is not.
    (" style=", &[]),
];

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/web")
}

/// What a file has against the tables.
fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let may = |homes: &[&str]| homes.iter().any(|home| path.starts_with(home));
    for imported in imports(text) {
        if imported.starts_with('.') {
            let named = resolved(path, imported);
            let page = named.as_deref().and_then(page_of);
            if named.is_none() || page_of(path).is_some_and(|own| page.is_some_and(|page| page != own)) {
                found.push(format!("{path} names another page's `{imported}`"));
            }
            continue;
        }
        let known = PACKAGES.iter().find(|(package, ..)| {
            imported == *package || imported.strip_prefix(package).is_some_and(|rest| rest.starts_with('/'))
        });
        if !known.is_some_and(|(_, _, homes)| may(homes)) {
            found.push(format!("{path} names `{imported}`"));
        }
    }
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for (word, homes) in WORDS {
        if code.contains(word) && !may(homes) {
            found.push(format!("{path} has `{word}`"));
        }
    }
    found
}

/// The page whose folder a file is in.
fn page_of(path: &str) -> Option<&str> {
    Some(path.strip_prefix("pages/")?.split_once('/')?.0)
}

/// The path below `src/` that an import means; nothing where it leads out of there.
fn resolved(path: &str, imported: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in imported.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What a file imports.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    ["from '", "import '", "import('"].into_iter().flat_map(move |before| {
        text.match_indices(before).filter_map(move |(at, _)| text[at + before.len()..].split('\'').next())
    })
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = Vec::new();
    for path in entries {
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn every_file_of_the_pages_names_only_what_it_may() {
    let folder = web().join("src");
    let mut found = Vec::new();
    for file in sources(&folder) {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        match path.rsplit_once('.').map(|(_, kind)| kind) {
            Some("ts") => {
                assert!(text.starts_with("// "), "{path} does not say what it is");
                found.extend(violations(&path, &text));
            }
            Some("css") => {
                assert!(!text.contains("url(") && !text.contains("@import"), "{path} loads something");
            }
            _ => panic!("{path}: what is this?"),
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_package_has_a_home_and_one_version() {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(web().join("package.json")).unwrap()).unwrap();
    let mut named = BTreeSet::new();
    for kind in ["dependencies", "devDependencies"] {
        for (package, version) in manifest[kind].as_object().unwrap() {
            let version = version.as_str().unwrap();
            assert!(
                version.starts_with(|first: char| first.is_ascii_digit()),
                "{package}: {version} is no single version"
            );
            named.insert(package.as_str());
        }
    }
    let known: BTreeSet<&str> = PACKAGES.iter().map(|(package, ..)| *package).collect();
    assert_eq!(named, known);
}

/// The texts between single quotes in what begins with `before` and ends with `end`.
fn listed<'a>(text: &'a str, before: &str, end: char) -> Vec<&'a str> {
    let list = text.split_once(before).unwrap_or_else(|| panic!("no {before}")).1.split(end).next().unwrap();
    list.split('\'').skip(1).step_by(2).collect()
}

#[test]
fn the_page_of_rejections_offers_every_code_that_is_not_applied() {
    let text = fs::read_to_string(web().join("src/pages/rejections/data.ts")).unwrap();
    // In the order in which the program has them; a repeated step is no news to anybody.
    let codes: Vec<&str> = Code::ALL.iter().filter(|code| is_told(**code)).map(|code| code.name()).collect();
    assert_eq!(listed(&text, "export const CODES: readonly string[] = [", ']'), codes);
    let outcomes: Vec<&str> = Outcome::ALL.iter().filter(|outcome| is_asked(**outcome)).map(|one| one.name()).collect();
    assert_eq!(listed(&text, "export const OUTCOMES: readonly Outcome[] = [", ']'), outcomes);
}

fn is_asked(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Applied | Outcome::Duplicate)
}

fn is_told(code: Code) -> bool {
    is_asked(code.outcome())
}

#[test]
fn a_cell_is_kept_from_being_a_formula_by_the_server_and_the_pages_alike() {
    let page = fs::read_to_string(web().join("src/text/csv.ts")).unwrap();
    let server = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graphql/board_csv.rs")).unwrap();
    let ours: String = listed(&server, "field.starts_with([", ']').concat();
    let theirs = page.split_once("/^[").unwrap().1.split("]/").next().unwrap().replace("\\-", "-");
    assert_eq!(theirs, ours);
    assert!(ours.contains("=+-@"));
}

#[test]
fn a_planted_violation_is_found() {
    for (path, planted) in [
        ("pages/board/page.ts", "import uPlot from 'uplot';"),
        ("pages/charts/page.ts", "import { createClient } from 'graphql-ws';"),
        ("pages/board/page.ts", "import { drawChart } from '../charts/chart.ts';"),
        ("server/live.ts", "const answer = await fetch('/graphql');"),
        ("pages/board/cards/card.ts", "html`<p style=\"color: red\"></p>`"),
        ("shell.ts", "import React from 'react';"),
    ] {
        assert!(!violations(path, planted).is_empty(), "{path}: {planted}");
    }
    for (path, clean) in [
        ("pages/charts/plot.ts", "import uPlot from 'uplot';\nimport 'uplot/dist/uPlot.min.css';"),
        ("routes/pages.ts", "load: () => import('../pages/board/page.ts')"),
        ("pages/board/cards/card.ts", "// fetch( is not for this file\nhtml`<p .style=${'color: red'}></p>`"),
    ] {
        assert_eq!(violations(path, clean), Vec::<String>::new(), "{path}: {clean}");
    }
}
