//! Holds the documentation together: what is short stays short, every link leads somewhere, the book has every page, and
//! the tables of settings are those of the program.
//!
//! `UPDATE_GOLDEN=1 cargo test --test pure docs` writes the tables of `docs/configuration.md` anew. Read the diff.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Component, Path, PathBuf},
};

use clockfold::config::{Absent, ConfigKey, ConfigTable, Kind, TABLES, Variables};

const README_LINES_MAX: usize = 300;

/// Words that only the authors had. The field has others.
const PRIVATE_WORDS: &[&str] = &["so-manieth", "whosesoever", "workbench", "untold"];

const BEGIN: &str = "<!-- settings: begin -->\n";
const END: &str = "<!-- settings: end -->";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every page for people, by its path from the top, with its text.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut files: Vec<PathBuf> = markdown_in(&project(), Path::new(""), false);
    files.extend(markdown_in(&project(), Path::new("docs"), true));
    files.push("schema/lifecycle.md".into());
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(project().join(&path)).unwrap())).collect()
}

fn markdown_in(top: &Path, folder: &Path, deep: bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(top.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if deep && entry.path().is_dir() {
            files.extend(markdown_in(top, &path, true));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    files
}

/// The lines of a page that are no code, without what stands in backticks.
fn prose(page: &str) -> Vec<String> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !is_fence && !is_code {
            lines.push(line.split('`').step_by(2).collect::<Vec<_>>().join("`"));
        }
        is_code ^= is_fence;
    }
    lines
}

/// Where the links of a page lead.
fn links(page: &str) -> Vec<String> {
    let of_line = |line: &String| -> Vec<String> {
        let ends = line.match_indices("](").map(|(at, _)| at + 2);
        ends.filter_map(|at| line[at..].split_once(')').map(|(target, _)| target.to_owned())).collect()
    };
    prose(page).iter().flat_map(of_line).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut is_code = false;
    for line in page.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let Some((level, heading)) = line.split_once(' ').filter(|_| !is_code) else { continue };
        if level.is_empty() || !level.bytes().all(|byte| byte == b'#') {
            continue;
        }
        let kept = heading.to_lowercase().replace(' ', "-");
        let anchor: String = kept.chars().filter(|one| one.is_alphanumeric() || "-_".contains(*one)).collect();
        assert!(anchors.insert(anchor), "two headings have one anchor: {heading}");
    }
    anchors
}

/// A path without `..` in it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// What is wrong with a page's links.
fn broken(path: &Path, pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut broken = Vec::new();
    for link in links(&pages[path]) {
        if link.starts_with("https://") || link.starts_with("http://") {
            continue;
        }
        let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
        let target =
            if file.is_empty() { path.to_owned() } else { plain(&path.parent().unwrap_or(Path::new("")).join(file)) };
        if !project().join(&target).exists() {
            broken.push(format!("{}: {link} leads nowhere", path.display()));
        } else if path.starts_with("docs") && !target.starts_with("docs") {
            broken.push(format!("{}: {link} leads out of the book", path.display()));
        } else if let Some(anchor) = anchor {
            let has = pages.get(&target).is_some_and(|page| anchors(page).contains(anchor));
            if !has {
                broken.push(format!("{}: {link} names no heading", path.display()));
            }
        }
    }
    broken
}

#[test]
fn the_readme_is_short() {
    let lines = pages()[Path::new("README.md")].lines().count();
    assert!(lines <= README_LINES_MAX, "the README has {lines} lines; docs/ has room");
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let broken: Vec<String> = pages.keys().flat_map(|path| broken(path, &pages)).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    let all: usize = pages.values().map(|page| links(page).len()).sum();
    assert!(all > 50, "{all} links");
}

/// Code moves; what the documentation says of it moves with it.
#[test]
fn every_file_that_is_named_is_there() {
    let begins = ["src/", "crates/", "tests/", "examples/", "fixtures/", "schema/", "deploy/", "benches/"];
    let mut named = 0;
    for (path, page) in pages() {
        for code in page.split('`').skip(1).step_by(2).filter(|code| begins.iter().any(|begin| code.starts_with(begin)))
        {
            let file = code.split(' ').next().unwrap();
            // `{gather,sort}.rs` names two files.
            let files: Vec<String> =
                match file.split_once('{').and_then(|(begin, rest)| Some((begin, rest.split_once('}')?))) {
                    Some((begin, (names, end))) => names.split(',').map(|name| format!("{begin}{name}{end}")).collect(),
                    None => vec![file.to_owned()],
                };
            for file in files {
                assert!(project().join(&file).exists(), "{} names {file}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 50, "{named}");
}

#[test]
fn the_book_has_every_page() {
    let pages = pages();
    let summary = &pages[Path::new("docs/SUMMARY.md")];
    let named: Vec<PathBuf> = links(summary).iter().map(|link| Path::new("docs").join(link)).collect();
    let once: BTreeSet<&PathBuf> = named.iter().collect();
    assert_eq!(once.len(), named.len(), "a page is named twice");
    let there = pages.keys().filter(|path| path.starts_with("docs") && !path.ends_with("SUMMARY.md"));
    assert_eq!(once, there.collect());
}

#[test]
fn no_page_has_a_private_word() {
    for (path, page) in pages() {
        let page = page.to_lowercase();
        for word in PRIVATE_WORDS {
            assert!(!page.contains(word), "{}: {word}", path.display());
        }
        let long = page.lines().find(|line| line.ends_with(' ') || line.contains('\t'));
        assert_eq!(long, None, "{}: blanks at the end of a line, or a tab", path.display());
    }
}

#[test]
fn the_documented_settings_are_those_of_the_program() {
    let path = project().join("docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("where the tables begin");
    let (documented, after) = rest.split_once(END).expect("where they end");
    let tables = tables();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(documented, tables, "docs/configuration.md has other settings; UPDATE_GOLDEN=1 writes them anew");
    // The example of the page has all of them, too.
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    for table in TABLES.iter().filter(|table| !["[lifecycle.NAME]", "{ key, expires }"].contains(&table.heading)) {
        for setting in table.keys.iter().filter(|setting| setting.key != "tokens") {
            assert!(example.contains(&format!("{} = ", setting.key)), "{}", setting.key);
        }
    }
}

/// The tables of all settings, as Markdown.
fn tables() -> String {
    TABLES.iter().fold(String::from("\n"), |text, table| text + &section(table))
}

fn section(table: &ConfigTable) -> String {
    let mut text = String::new();
    let (heading, said) = match (table.heading, table.variables) {
        ("", _) => ("At the top".to_owned(), String::new()),
        ("{ key, expires }", _) => (
            "A credential".to_owned(),
            "A credential is a text, or a table with these keys: `{ key = \"…\", expires = 2027-06-30T00:00:00Z }`.\n\n"
                .to_owned(),
        ),
        (heading, Variables::Whole(variable)) => {
            let form = if heading.starts_with("[[") { "a TOML array of inline tables" } else { "an inline table of tables" };
            (format!("`{heading}`"), format!("`{variable}` holds {form}, in place of all those in the file.\n\n"))
        }
        (heading, _) => (format!("`{heading}`"), String::new()),
    };
    let with_variables = matches!(table.variables, Variables::Each(_));
    let columns: &[&str] = match with_variables {
        true => &["key", "holds", "without it", "variable", "what it does"],
        false => &["key", "holds", "without it", "what it does"],
    };
    write!(text, "### {heading}\n\n{said}{}\n|{}\n", row(columns), "---|".repeat(columns.len())).unwrap();
    for setting in table.keys {
        let variable = table.variable(setting).map(|variable| format!("`{variable}`"));
        let key = format!("`{}`", setting.key);
        let (holds, absent) = (holds(setting), absent(setting));
        let mut cells = vec![key.as_str(), &holds, &absent];
        cells.extend(variable.as_deref());
        cells.push(setting.meaning);
        writeln!(text, "{}", row(&cells)).unwrap();
    }
    text + "\n"
}

fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn holds(setting: &ConfigKey) -> String {
    match setting.kind {
        Kind::Number { least, most, unit } => format!("whole number, {least} to {most} {unit}"),
        Kind::Text(form) => form.to_owned(),
        Kind::OneOf(texts) => texts.iter().map(|text| format!("`\"{text}\"`")).collect::<Vec<_>>().join(", "),
        Kind::Boolean => "`true`, `false`".to_owned(),
        Kind::List(items) => format!("list of {items}"),
        Kind::Time => "date and time with an offset from UTC".to_owned(),
        Kind::Credential => "credential".to_owned(),
    }
}

fn absent(setting: &ConfigKey) -> String {
    match setting.absent {
        Absent::Number(number) => format!("`{number}`"),
        Absent::Text(text) => format!("`\"{text}\"`"),
        Absent::Otherwise(what) => what.to_owned(),
        Absent::Required => "a mistake".to_owned(),
    }
}

#[test]
fn a_planted_mistake_is_found() {
    let page = |path: &str, text: &str| (PathBuf::from(path), text.to_owned());
    let pages: BTreeMap<PathBuf, String> = [
        page(
            "README.md",
            "[a](docs/nowhere.md) `[b](nowhere.md)`\n```\n[c](nowhere.md)\n```\n[d](docs/install.md#nowhere)",
        ),
        page("docs/install.md", "# Installing\n[e](#installing) [f](../README.md)\n```toml\n# nowhere\n```\n"),
    ]
    .into();
    let found = |path: &str| broken(Path::new(path), &pages);
    assert_eq!(
        found("README.md"),
        ["README.md: docs/nowhere.md leads nowhere", "README.md: docs/install.md#nowhere names no heading"]
    );
    assert_eq!(found("docs/install.md"), ["docs/install.md: ../README.md leads out of the book"]);
    assert_eq!(
        anchors("## `[server]` and more_of it\n# Why?"),
        ["server-and-more_of-it", "why"].map(str::to_owned).into()
    );
}
