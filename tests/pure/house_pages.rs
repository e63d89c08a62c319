//! Keeps the pages' house in order: which file may name which package, which may ask the server, which wing stands over
//! which, and that no page knows another. The board's first load stays small because of it.

use std::{
    collections::{BTreeMap, BTreeSet},
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

/// Folders and their wings, the lowest first: a file names what is in its own wing or in a lower one. What stands
/// beside the wings is above them all.
const WINGS: &[(&str, &[&str])] = &[
    ("", &["base", "text", "server", "routes", "parts", "pages"]),
    ("pages/board/", &["model", "cards", "around", "wall"]),
];

/// The one file that knows the pages: it loads each when it is shown, so nothing of them is there before.
const TABLE: &str = "routes/pages.ts";

/// What only some files may name, as beginnings of paths.
const INSIDES: &[(&str, &str)] = &[("server/live/", "server/live")];

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/web")
}

/// What a file has against the tables.
fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let may = |homes: &[&str]| homes.iter().any(|home| path.starts_with(home));
    for (top, wings) in WINGS {
        let folder = path.strip_prefix(top).and_then(|rest| rest.split_once('/')).map(|(folder, _)| folder);
        if folder.is_some_and(|folder| !wings.contains(&folder)) {
            found.push(format!("{path} is in none of the wings"));
        }
    }
    for (how, imported) in imports(text) {
        if imported.starts_with('.') {
            found.extend(direction(path, how, imported));
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

/// What is wrong with a file's naming another one, if anything.
fn direction(path: &str, how: How, imported: &str) -> Option<String> {
    let Some(named) = resolved(path, imported) else {
        return Some(format!("{path} names `{imported}`, which is not of the pages"));
    };
    if let Some(page) = page_of(&named)
        && page_of(path) != Some(page)
    {
        let loads = path == TABLE && how == How::Loaded && named == format!("pages/{page}/page.ts");
        return (!loads).then(|| format!("{path} names `{named}`, which is a page's own"));
    }
    let is_inside = INSIDES.iter().any(|(inside, who)| named.starts_with(inside) && !path.starts_with(who));
    let is_above = WINGS.iter().any(|wings| height(&named, wings) > height(path, wings));
    (is_inside || is_above).then(|| format!("{path} names `{named}`"))
}

/// The page whose folder a file is in.
fn page_of(path: &str) -> Option<&str> {
    Some(path.strip_prefix("pages/")?.split_once('/')?.0)
}

/// How high a file stands in a folder that has wings; nothing where it is not in one of them, nor beside them.
fn height(path: &str, (top, wings): &(&str, &[&str])) -> Option<usize> {
    match path.strip_prefix(top)?.split_once('/') {
        Some((folder, _)) => wings.iter().position(|wing| *wing == folder),
        None => Some(wings.len()),
    }
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

/// Whether an import is there from the beginning, or loaded when it is needed.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Named,
    Loaded,
}

/// What a file imports.
fn imports(text: &str) -> impl Iterator<Item = (How, &str)> {
    [("from '", How::Named), ("import '", How::Named), ("import('", How::Loaded)].into_iter().flat_map(
        move |(before, how)| {
            text.match_indices(before)
                .filter_map(move |(at, _)| text[at + before.len()..].split('\'').next())
                .map(move |imported| (how, imported))
        },
    )
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
fn no_folder_of_the_pages_has_more_than_15_files() {
    const FILES_MAX: usize = 15;
    let mut folders = BTreeMap::<PathBuf, usize>::new();
    for file in sources(&web().join("src")) {
        *folders.entry(file.parent().unwrap().to_owned()).or_default() += 1;
    }
    folders.retain(|_, count| *count > FILES_MAX);
    assert!(folders.is_empty(), "{folders:#?}");
}

/// Within a wing files may need each other, but few. What is loaded when it is needed is no part of a circle.
#[test]
fn no_circle_has_more_than_three_files() {
    const CIRCLE_MAX: usize = 3;
    let folder = web().join("src");
    let mut named = BTreeMap::<String, Vec<String>>::new();
    for file in sources(&folder) {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let names = imports(&text).filter(|(how, imported)| *how == How::Named && imported.starts_with('.'));
        let names = names.filter_map(|(_, imported)| resolved(&path, imported)).collect();
        named.insert(path, names);
    }
    for circle in circles(&named) {
        assert!(circle.len() <= CIRCLE_MAX, "{circle:?}");
    }
}

/// The files that name each other, directly or by others: for each file that does, all of its circle.
fn circles(named: &BTreeMap<String, Vec<String>>) -> Vec<Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        named.keys().map(|file| (file.as_str(), reach(named, file))).collect();
    let mut circles = Vec::new();
    for (file, others) in &reached {
        let back = |one: &&str| reached.get(one).is_some_and(|back| back.contains(file));
        let circle: Vec<&str> = others.iter().copied().filter(back).collect();
        if !circle.is_empty() {
            circles.push(circle);
        }
    }
    circles
}

/// What a file names, and what that names, and so on.
fn reach<'a>(named: &'a BTreeMap<String, Vec<String>>, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        let names = named.get(file).into_iter().flatten().map(String::as_str);
        next.extend(names.filter(|one| reached.insert(*one)));
    }
    reached
}

#[test]
fn a_planted_circle_is_found() {
    let named = |pairs: &[(&str, &str)]| {
        let mut named = BTreeMap::<String, Vec<String>>::new();
        for (file, other) in pairs {
            named.entry((*file).to_owned()).or_default().push((*other).to_owned());
        }
        named
    };
    assert_eq!(circles(&named(&[("a", "b"), ("b", "c"), ("a", "c")])), Vec::<Vec<&str>>::new());
    let round = named(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("e", "a")]);
    assert_eq!(circles(&round), vec![vec!["a", "b", "c", "d"]; 4]);
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
        ("pages/board/wall/head.ts", "import { drawChart } from '../../charts/chart.ts';"),
        ("server/live.ts", "const answer = await fetch('/graphql');"),
        ("pages/board/cards/card.ts", "html`<p style=\"color: red\"></p>`"),
        ("shell.ts", "import React from 'react';"),
        // Upwards.
        ("base/state.ts", "import { query } from '../server/graphql.ts';"),
        ("server/session.ts", "import { route } from '../routes/router.ts';"),
        ("parts/range.ts", "import '../shell.ts';"),
        ("pages/board/model/feed.ts", "import { icon } from '../cards/icons.ts';"),
        ("pages/board/cards/card.ts", "import type { BoardPage } from '../page.ts';"),
        // A page that is there before it is shown, and one that others than the table load.
        ("shell.ts", "import './pages/board/page.ts';"),
        ("routes/pages.ts", "import '../pages/board/page.ts';"),
        ("routes/router.ts", "load: () => import('../pages/board/page.ts')"),
        ("routes/pages.ts", "load: () => import('../pages/board/wall/column.ts')"),
        // Into what is another's, and out of the pages.
        ("pages/charts/data.ts", "import { overSocket } from '../../server/live/socket.ts';"),
        ("main.ts", "import '../../licences.mjs';"),
        ("attic/words.ts", "// Nobody knows."),
        ("pages/board/attic/card.ts", "// Nobody knows."),
    ] {
        assert!(!violations(path, planted).is_empty(), "{path}: {planted}");
    }
    for (path, clean) in [
        ("pages/charts/plot.ts", "import uPlot from 'uplot';\nimport 'uplot/dist/uPlot.min.css';"),
        ("routes/pages.ts", "load: () => import('../pages/board/page.ts')"),
        ("main.ts", "import './shell.ts';"),
        ("pages/board/wall/column.ts", "import { drawCard } from '../cards/card.ts';"),
        ("pages/board/wall/column.ts", "import { Element } from '../../../base/element.ts';"),
        ("server/live.ts", "import { overEvents } from './live/events.ts';"),
        ("server/live/socket.ts", "import { refused } from './refused.ts';"),
        ("pages/board/cards/card.ts", "// fetch( is not for this file\nhtml`<p .style=${'color: red'}></p>`"),
    ] {
        assert_eq!(violations(path, clean), Vec::<String>::new(), "{path}: {clean}");
    }
}
