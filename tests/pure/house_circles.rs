//! Files that name each other stand in small circles, so that a file can be read without many others.
//!
//! A path names the file of the longest module in it: `crate::room::Table` names `room/mod.rs`, also where that only
//! passes a `Table` on. The root of a package is left out: it passes on what everybody may use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    house::{module_of, source_files},
    house_paths::Paths,
};

/// The most files of one circle.
const CIRCLE_MAX: usize = 3;

/// The names of a file's module, from the root of its package on.
type Module = Vec<String>;

/// Which files each file names.
fn named(texts: &BTreeMap<Module, String>) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let mut named = BTreeMap::new();
    for (module, text) in texts {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
        let names: Vec<&str> = module.iter().map(String::as_str).collect();
        let mut others = BTreeSet::new();
        for (is_ours, path) in Paths::of_code(&file, &names) {
            // What is not told from the root on may begin with a module below this one.
            let path = if is_ours { path } else { [&module[..], &path].concat() };
            let longest = (1..=path.len()).rev().find_map(|length| texts.get_key_value(&path[..length]));
            others.extend(longest.map(|(other, _)| other).filter(|other| *other != module));
        }
        named.insert(module, others);
    }
    named
}

/// The files that can be reached from one, over others.
fn reached<'a>(from: &'a Module, named: &BTreeMap<&'a Module, BTreeSet<&'a Module>>) -> BTreeSet<&'a Module> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        next.extend(named[module].iter().copied().filter(|other| reached.insert(*other)));
    }
    reached
}

/// The circles of too many files, each as its modules.
fn large_circles(texts: &BTreeMap<Module, String>) -> BTreeSet<Vec<String>> {
    let named = named(texts);
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        named.keys().map(|module| (*module, reached(module, &named))).collect();
    let circle = |module: &Module| -> Vec<String> {
        let others = reached[module].iter().filter(|other| reached[**other].contains(module));
        others.map(|other| other.join("::")).collect()
    };
    named.keys().map(|module| circle(module)).filter(|circle| circle.len() > CIRCLE_MAX).collect()
}

/// The files of a package but its root.
fn texts_of(src: &Path) -> BTreeMap<Module, String> {
    let texts = source_files(src).into_iter().map(|file| (module_of(&file, src), fs::read_to_string(file).unwrap()));
    texts.filter(|(module, _)| !matches!(&module[..], [root] if root == "lib" || root == "main")).collect()
}

#[test]
fn no_circle_has_more_than_three_files() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = fs::read_dir(top.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    for package in packages.chain([top.to_owned()]) {
        let texts = texts_of(&package.join("src"));
        assert!(texts.len() > 5, "{} has {} files", package.display(), texts.len());
        let found = large_circles(&texts);
        assert!(found.is_empty(), "{}: {found:#?}", package.display());
    }
}

#[test]
fn a_planted_circle_is_found() {
    let texts = |files: &[(&str, &str)]| -> BTreeMap<Module, String> {
        let text =
            |(module, text): &(&str, &str)| (module.split("::").map(str::to_owned).collect(), (*text).to_owned());
        files.iter().map(text).collect()
    };
    let (room, chair) = ("mod chair;\nmod table;\nmod lamp;\npub use table::Table;", "use super::table::Table;");
    let table = "use crate::room::lamp::{self, Lamp};";
    // The lamp names who stands over it, under whatever name, and wherever it does that.
    for lamp in [
        "use super::Room;",
        "use crate::room::{Table};",
        "use crate::room;",
        "fn f() { crate::room::light(1) }",
        "fn f(room: &super::Room) {}",
        "fn f() { println!(\"{}\", super::NAME) }",
        "impl super::Light for Lamp {}",
        "use super::*;",
    ] {
        let files = [("room", room), ("room::table", table), ("room::chair", chair), ("room::lamp", lamp)];
        assert_eq!(large_circles(&texts(&files)), BTreeSet::new(), "three: {lamp}");
        let files =
            [("room", "pub use chair::Chair;"), ("room::table", table), ("room::chair", chair), ("room::lamp", lamp)];
        let circle = ["room", "room::chair", "room::lamp", "room::table"].map(str::to_owned);
        assert_eq!(large_circles(&texts(&files)), BTreeSet::from([circle.to_vec()]), "{lamp}");
    }
    for lamp in [
        "//! `super::Room`",
        "pub(in crate::room) fn f() {}",
        "#[cfg(test)]\nmod tests { use crate::room::Room; }",
        "use crate::hall::Door;",
        "use std::room::Room;",
    ] {
        let files = [
            ("room", "pub use chair::Chair;"),
            ("room::table", table),
            ("room::chair", chair),
            ("room::lamp", lamp),
            ("hall", "pub use std::fs;"),
        ];
        assert_eq!(large_circles(&texts(&files)), BTreeSet::new(), "{lamp}");
    }
}
