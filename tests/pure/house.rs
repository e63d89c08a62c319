//! Keeps the house in order: which place may name which, and which foreign crate has which home.
//! `docs/architecture.md` says why.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::house_paths::Paths;

/// A place in `src/` or a package in `crates/`, in reading order, and the places it may name.
const PLACES: &[(&str, &[&str])] = &[
    ("lifecycle", &[]),
    ("disk", &[]),
    ("rows", &["disk"]),
    ("log", &["lifecycle", "disk"]),
    ("projection", &["lifecycle", "rows", "log"]),
    ("copies", &["lifecycle", "log"]),
    ("access", &["log"]),
    ("data_dir", &["log"]),
    ("webhook", &["lifecycle", "log"]),
    ("simulate", &["lifecycle", "log"]),
    ("tracker", &["lifecycle", "log", "projection"]),
    ("retention", &["lifecycle", "log", "projection"]),
    ("graphql", &["lifecycle", "log", "projection", "access", "tracker"]),
    // Pages know nothing of the core: they ask `/graphql`.
    ("dashboard", &[]),
    (
        "server",
        &[
            "lifecycle",
            "log",
            "projection",
            "copies",
            "access",
            "data_dir",
            "webhook",
            "tracker",
            "graphql",
            "dashboard",
        ],
    ),
    ("config", &["lifecycle", "log", "projection", "access", "webhook", "graphql"]),
    (
        "cli",
        &[
            "lifecycle",
            "log",
            "projection",
            "copies",
            "access",
            "data_dir",
            "webhook",
            "simulate",
            "tracker",
            "retention",
            "graphql",
            "server",
            "config",
        ],
    ),
    ("main", &["log", "cli"]),
];

/// A foreign crate, and the places that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli"]),
    ("async_graphql", &["graphql"]),
    ("async_graphql_value", &["graphql"]),
    ("base64", &["access", "graphql"]),
    ("blake3", &["access", "data_dir", "dashboard"]),
    (
        "chrono",
        &[
            "access",
            "data_dir",
            "webhook",
            "simulate",
            "tracker",
            "retention",
            "graphql",
            "server",
            "config",
            "cli",
            "main",
        ],
    ),
    ("chrono_tz", &["graphql", "config", "cli"]),
    ("clap", &["cli"]),
    ("cookie", &["server"]),
    ("csv", &["graphql"]),
    ("flate2", &["webhook", "dashboard"]),
    ("form_urlencoded", &["graphql"]),
    ("futures_executor", &["graphql"]),
    ("futures_util", &["tracker", "graphql", "server"]),
    ("getrandom", &["access", "data_dir"]),
    ("governor", &["server"]),
    ("http_body_util", &["server"]),
    ("hyper", &["server"]),
    ("hyper_util", &["server"]),
    ("indicatif", &["cli"]),
    ("metrics", &["tracker", "server"]),
    ("metrics_exporter_prometheus", &["server"]),
    ("metrics_process", &["server"]),
    ("rustix", &["cli", "graphql", "server"]),
    ("serde", &["webhook", "graphql", "server", "config", "cli"]),
    ("serde_json", &["webhook", "graphql", "server", "cli"]),
    ("strsim", &["config"]),
    ("subtle", &["access", "webhook", "graphql", "server"]),
    // Tests everywhere.
    ("tempfile", &["cli", "config", "data_dir", "graphql", "retention", "tracker"]),
    ("thiserror", &["access", "webhook", "tracker", "graphql", "config"]),
    ("tokio", &["tracker", "graphql", "server", "cli"]),
    ("tokio_tungstenite", &["server"]),
    ("tokio_util", &["graphql", "server", "cli"]),
    ("toml", &["config"]),
    ("tower_service", &["server"]),
    ("tracing", &["data_dir", "tracker", "graphql", "server", "cli"]),
    ("tracing_subscriber", &["cli"]),
    ("ureq", &["cli"]),
    ("warp", &["server"]),
    // Ours, as `main` sees it.
    ("clockfold", &["main"]),
];

/// What a file of `place`, whose module is `module`, names against the tables.
fn violations(module: &[&str], text: &str) -> Vec<String> {
    let place = module[0];
    let Some((_, may)) = PLACES.iter().find(|(known, _)| *known == place) else {
        return vec![format!("`{place}` has no row in the table of places")];
    };
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
    let mut found = Vec::new();
    for (is_ours, named) in Paths::of(&file, module) {
        let named = named[0].as_str();
        let ours = if is_ours { Some(named) } else { named.strip_prefix("clockfold_") };
        match ours.filter(|ours| PLACES.iter().any(|(known, _)| known == ours)) {
            Some(other) if other != place && !may.contains(&other) => found.push(format!("`{place}` names `{other}`")),
            Some(_) => {}
            None => {
                let homes = HOMES.iter().find(|(known, _)| !is_ours && *known == named).map(|(_, homes)| *homes);
                if homes.is_some_and(|homes| !homes.contains(&place)) {
                    found.push(format!("`{place}` names the crate `{named}`"));
                }
            }
        }
    }
    found
}

pub(crate) fn source_files(folder: &Path) -> Vec<PathBuf> {
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

/// The names of a file's module, from the crate's root on.
pub(crate) fn module_of(path: &Path, src: &Path) -> Vec<String> {
    let path = path.strip_prefix(src).unwrap().with_extension("");
    let names = path.components().map(|name| name.as_os_str().to_string_lossy().into_owned());
    names.filter(|name| name != "mod").collect()
}

#[test]
fn every_file_names_only_what_its_place_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in source_files(&src) {
        let module = module_of(&file, &src);
        if module != ["lib"] {
            let text = fs::read_to_string(&file).unwrap();
            let module: Vec<&str> = module.iter().map(String::as_str).collect();
            found.extend(violations(&module, &text).into_iter().map(|why| format!("{}: {why}", file.display())));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Cargo holds what a package may name; that no package's table says more than the documentation's is held here.
#[test]
fn every_package_depends_on_what_its_place_may_name() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    for entry in fs::read_dir(crates).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        let named = dependencies.lines().filter_map(|line| line.strip_prefix("clockfold-")?.split(['.', ' ']).next());
        let named: BTreeSet<&str> = named.collect();
        let (_, may) = PLACES.iter().find(|(place, _)| *place == name).unwrap_or_else(|| panic!("{name} has no row"));
        assert_eq!(named, may.iter().copied().collect(), "{name}");
    }
}

#[test]
fn the_documentation_has_these_places() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).unwrap();
    let table = page.split_once("| place | what it is | may name |\n").unwrap().1.split("\n\n").next().unwrap();
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let path = Path::new(cells[0].split('`').nth(1).unwrap());
        let before = || told.iter().map(|(place, _)| place.as_str());
        let may: BTreeSet<&str> = match cells[2].strip_prefix("all above but ") {
            Some(but) => before()
                .filter(|place| {
                    !but.split(',').flat_map(|part| part.split(" and ")).map(str::trim).any(|but| but == *place)
                })
                .collect(),
            None => cells[2].split(", ").filter(|name| *name != "–").collect(),
        };
        let places: Vec<&str> = PLACES.iter().map(|(place, _)| *place).filter(|place| may.contains(place)).collect();
        assert_eq!(places.len(), may.len(), "{row}");
        let above = if path.starts_with("crates") { "crates" } else { "src" };
        told.push((place_of(path, Path::new(above)), places));
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
    for line in dependencies.lines().filter(|line| line.contains('=') && !line.starts_with("clockfold-")) {
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
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "benches",
    "crates",
    // Prometheus, Grafana, systemd, and what is installed.
    "deploy",
    // cargo-deny.
    "deny.toml",
    "clippy.toml",
    // A book, by mdBook.
    "docs",
    "examples",
    "fixtures",
    // rustup.
    "rust-toolchain.toml",
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
    for (module, planted) in [
        ("webhook", "use crate::tracker::Tracker;"),
        ("webhook", "fn f() { let now = tokio::time::Instant::now(); }"),
        ("webhook::body", "use super::super::server::App;"),
        ("graphql::live::feed", "fn f(app: &super::super::super::server::App) {}"),
        ("graphql", "mod tests { use super::super::server::App; }"),
        ("webhook", "use crate::{lifecycle::Status, projection::Reader};"),
        ("webhook", "use clockfold_projection::Reader;"),
        ("graphql", "use crate::{\n    log::Log,\n    server::App,\n};"),
        ("tracker", "fn f() { println!(\"{}\", warp::path(1)) }"),
        ("tracker", "fn f() { vec![crate::server::App::new()]; }"),
        ("server", "use toml;"),
        ("webhook", "fn f(x: &async_graphql::Request) {}"),
        ("dashboard", "use crate::graphql::sdl;"),
        ("dashboard", "pub(in crate::graphql) fn f() {}"),
        ("attic", "fn main() {}"),
    ] {
        let module: Vec<&str> = module.split("::").collect();
        assert!(!violations(&module, planted).is_empty(), "{module:?}: {planted}");
    }
    for (module, clean) in [
        ("webhook", "//! use crate::tracker::Tracker;\nuse chrono::Utc;"),
        ("server", "use crate::log::Log; // toml::Value\nconst TEXT: &str = \"toml::Value\";"),
        ("cli", "use crate::config::toml::Thing;"),
        ("webhook::body", "use super::super::webhook::Gate;\nuse super::coding::toml::Thing;"),
        ("server", "mod log;\nuse self::log::Page;\nuse crate::server::webhook;"),
    ] {
        let module: Vec<&str> = module.split("::").collect();
        assert_eq!(violations(&module, clean), Vec::<String>::new(), "{module:?}: {clean}");
    }
}
