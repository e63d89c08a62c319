//! Route keys and tokens from places that no list of processes shows: a file, or the environment.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use anyhow::{Context as _, bail};

/// Hold several, with blanks between. They count where no flag says otherwise.
pub(in crate::cli) const ROUTE_KEYS: &str = "CLOCKFOLD_SIMULATE_ROUTE_KEYS";
pub(in crate::cli) const AUTHTOKENS: &str = "CLOCKFOLD_SIMULATE_AUTHTOKENS";

/// The most bytes of a file: more than the keys of all sources.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The sources' credentials in the environment.
#[derive(Default)]
pub(in crate::cli) struct OfEnvironment {
    pub(super) route_keys: Vec<String>,
    pub(super) authtokens: Vec<String>,
}

impl OfEnvironment {
    pub(in crate::cli) fn read(variables: &BTreeMap<String, String>) -> OfEnvironment {
        let read = |name| {
            let words = variables.get(name).map_or("", String::as_str);
            words.split_whitespace().map(str::to_owned).collect()
        };
        OfEnvironment { route_keys: read(ROUTE_KEYS), authtokens: read(AUTHTOKENS) }
    }
}

/// The keys of a file, one a line; lines that are blank or begin with `#` don't count. `-` is standard input. No
/// message repeats a key.
pub(super) fn from_file(path: &Path) -> anyhow::Result<Vec<String>> {
    let name = path.display();
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(FILE_BYTES_MAX).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("reading keys from {name}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<String> = lines.map(str::to_owned).collect();
    if keys.is_empty() {
        bail!("{name} holds no key\n  hint: write one a line");
    }
    if let Some(at) = keys.iter().position(|key| key.contains(char::is_whitespace)) {
        bail!("key {} in {name} has a blank in it\n  hint: write one a line", at + 1);
    }
    Ok(keys)
}
