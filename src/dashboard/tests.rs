//! The files that are part of the program, held against what is built and what the pages ask for.

use std::{collections::BTreeSet, fs, io::Read as _, path::Path};

use super::*;

#[test]
fn a_compressed_file_is_the_same_file() {
    let of_explorer = EXPLORER.iter().map(|(path, ..)| explorer(path).expect("it is there"));
    for file in of_explorer.chain(PAGES.iter().map(|(path, ..)| pages(path).expect("it is there"))).chain(pages(DEEPER))
    {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(file.gzip.as_slice()).read_to_end(&mut plain).expect("it is gzip");
        assert_eq!(plain, file.plain, "{}", file.path);
    }
    assert!(explorer("index.html").is_none() && pages("index.html").is_none());
}

#[test]
fn every_built_file_has_a_row() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/web/dist/assets");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string().expect("text");
    let built: BTreeSet<String> = fs::read_dir(assets).expect("a folder").map(name).collect();
    let rows: BTreeSet<String> =
        PAGES.iter().map(|(path, ..)| (*path).to_owned()).filter(|path| !path.is_empty()).collect();
    assert_eq!(built, rows);
}

#[test]
fn a_page_loads_only_its_own_files_and_has_nothing_inline() {
    for (page, own) in [(explorer(""), "./explorer/"), (pages(""), "./assets/"), (pages(DEEPER), "../../assets/")] {
        let page = str::from_utf8(page.expect("the page").plain).expect("text");
        let own = page.matches(&format!("src=\"{own}")).count() + page.matches(&format!("href=\"{own}")).count();
        assert_eq!(page.matches("<script").count() + page.matches("rel=\"stylesheet\"").count(), own, "{page}");
        for outside in ["http:", "https:", "src=\"/", "href=\"/", "<style", " style="] {
            assert!(!page.contains(outside), "{outside}: {page}");
        }
    }
}

#[test]
fn the_files_stay_small() {
    let script = explorer("explorer.js").expect("the script");
    assert!(script.plain.len() < 2_000_000 && script.gzip.len() < 600_000, "{}", script.gzip.len());
    // What a browser loads before the board stands.
    let first = ["", "app.css", "app.js", "board.js"].map(|path| pages(path).expect("it is there").gzip.len());
    assert!(first.iter().sum::<usize>() <= 60_000, "{first:?}");
}
