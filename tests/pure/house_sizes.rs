//! Keeps the rooms of the house small: a function fits a screen, more or less, and a folder can be taken in at a glance.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::house::source_files;

const LINES_MAX: usize = 80;
const FILES_MAX: usize = 15;

/// The functions of a file that are too long: the line where each begins, and how many it has.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (begin, line) in lines.iter().enumerate() {
        let words = line.trim_start();
        // Whoever may call it, and whatever it is beside.
        let is_function = !words.starts_with("//") && (words.starts_with("fn ") || words.contains(" fn "));
        // As rustfmt has it, a function ends with a brace below its beginning.
        let last = format!("{}}}", &line[..line.len() - words.len()]);
        if is_function
            && line.ends_with(['{', '('])
            && let Some(end) = lines[begin..].iter().position(|line| *line == last)
            && end + 1 > LINES_MAX
        {
            long.push((begin + 1, end + 1));
        }
    }
    long
}

/// The folders that hold too many of these files beside each other.
fn full_folders(files: &[PathBuf]) -> Vec<(&Path, usize)> {
    let mut folders = BTreeMap::<&Path, usize>::new();
    for path in files {
        *folders.entry(path.parent().unwrap()).or_default() += 1;
    }
    folders.into_iter().filter(|(_, count)| *count > FILES_MAX).collect()
}

#[test]
fn no_function_has_more_than_80_lines_and_no_folder_more_than_15_files() {
    let mut too_much = Vec::new();
    for above in ["src", "crates"] {
        let files = source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(above));
        assert!(files.len() > 50, "{above} has {} files", files.len());
        for path in &files {
            let long = long_functions(&fs::read_to_string(path).unwrap());
            too_much.extend(long.iter().map(|(line, lines)| format!("{}:{line}: {lines} lines", path.display())));
        }
        let full = full_folders(&files);
        too_much.extend(full.iter().map(|(folder, count)| format!("{}: {count} files", folder.display())));
    }
    assert!(too_much.is_empty(), "{too_much:#?}");
}

#[test]
fn a_planted_giant_is_found() {
    let body = |lines: usize| "        go();\n".repeat(lines);
    let function =
        |lines: usize| format!("impl X {{\n    pub(crate) async fn f(&self) {{\n{}    }}\n}}\n", body(lines - 2));
    assert_eq!(long_functions(&function(LINES_MAX)), []);
    assert_eq!(long_functions(&function(LINES_MAX + 1)), [(2, LINES_MAX + 1)]);
    let signature = format!("fn f(\n    one: u8,\n) -> u8 {{\n{}}}\n", body(LINES_MAX));
    assert_eq!(long_functions(&signature), [(1, LINES_MAX + 4)]);
    let files = |count: usize| (0..count).map(|number| PathBuf::from(format!("a/{number}.rs"))).collect::<Vec<_>>();
    assert_eq!(full_folders(&files(FILES_MAX)), []);
    assert_eq!(full_folders(&files(FILES_MAX + 1)), [(Path::new("a"), FILES_MAX + 1)]);
}
