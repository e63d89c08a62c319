//! Which lifecycle folds which source, and the digest of that.

use std::collections::BTreeMap;

use crate::{
    lifecycle::{FOLD_VERSION, Lifecycle},
    log::{Digest, SourceName},
};

/// The version of the rows on disk. Raise it when a row's layout changes: the projection is then built anew.
const FORMAT_VERSION: u32 = 1;

/// How one source's deliveries are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRules {
    /// Its lifecycle.
    pub lifecycle: Lifecycle,
}

impl Default for SourceRules {
    /// What folds a source that the configuration does not know.
    fn default() -> SourceRules {
        SourceRules { lifecycle: Lifecycle::strict() }
    }
}

/// How every source's deliveries are folded.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    by_source: BTreeMap<SourceName, SourceRules>,
    default: SourceRules,
}

impl Rules {
    /// The rules of the configured sources; any other source is folded by the default.
    pub fn new(by_source: BTreeMap<SourceName, SourceRules>) -> Rules {
        Rules { by_source, default: SourceRules::default() }
    }

    /// The rules of `source`.
    pub fn of(&self, source: &SourceName) -> &SourceRules {
        self.by_source.get(source).unwrap_or(&self.default)
    }

    /// A digest of everything but the log that the projection depends on. Sources with the default
    /// rules are left out, so that adding one rebuilds nothing.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&FORMAT_VERSION.to_le_bytes()).update(&FOLD_VERSION.to_le_bytes());
        hasher.update(&self.default.lifecycle.rule_bytes());
        for (source, rules) in self.by_source.iter().filter(|(_, rules)| **rules != self.default) {
            hasher.update(source.as_str().as_bytes()).update(&[0]).update(&rules.lifecycle.rule_bytes());
        }
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }
}
