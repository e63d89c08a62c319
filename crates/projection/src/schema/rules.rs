//! Which lifecycle folds which source, and the digest of that.

use std::collections::BTreeMap;

use clockfold_lifecycle::{FOLD_VERSION, FoldRules, READER_VERSION};
use clockfold_log::{Digest, SourceName};

/// The version of the rows on disk. Raise it when a row's layout changes: the projection is then built anew.
pub(crate) const FORMAT_VERSION: u32 = 10;

/// How every source's deliveries are folded.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    by_source: BTreeMap<SourceName, FoldRules>,
    default: FoldRules,
}

impl Rules {
    /// The rules of the configured sources; any other source is folded by the default.
    pub fn new(by_source: BTreeMap<SourceName, FoldRules>) -> Rules {
        Rules { by_source, default: FoldRules::default() }
    }

    /// The same rules, but for one source.
    pub fn with(&self, source: SourceName, rules: FoldRules) -> Rules {
        let mut changed = self.clone();
        changed.by_source.insert(source, rules);
        changed
    }

    /// The rules of `source`.
    pub fn of(&self, source: &SourceName) -> &FoldRules {
        self.by_source.get(source).unwrap_or(&self.default)
    }

    /// A digest of everything but the log that the projection depends on. It is the same with and without a source that
    /// has the default rules. Whether rows serve depends on [`Rules::digest_for`] their source.
    pub fn digest(&self) -> Digest {
        let mut hasher = versions();
        hasher.update(digest_of(&self.default).as_bytes());
        for (source, rules) in self.by_source.iter().filter(|(_, rules)| digest_of(rules) != digest_of(&self.default)) {
            hasher.update(source.as_str().as_bytes()).update(&[0]).update(digest_of(rules).as_bytes());
        }
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }

    /// A digest of everything but the log that the rows of one source depend on.
    pub fn digest_for(&self, source: &SourceName) -> Digest {
        digest_of(self.of(source))
    }
}

/// The name is not part of it: a renamed table folds the same.
fn digest_of(rules: &FoldRules) -> Digest {
    let mut hasher = versions();
    hasher.update(&rules.lifecycle.rule_bytes()).update(&rules.reorder_window.num_milliseconds().to_le_bytes());
    Digest::from_bytes(*hasher.finalize().as_bytes())
}

fn versions() -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    for version in [FORMAT_VERSION, FOLD_VERSION, READER_VERSION] {
        hasher.update(&version.to_le_bytes());
    }
    hasher
}
