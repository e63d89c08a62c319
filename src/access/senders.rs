//! Which source a delivery comes from.
//!
//! A route key, an `Authtoken` header or both come in; a source's name goes out, or nothing. It compares every
//! credential of every source, in constant time and without an early exit, so an answer's time reveals neither how near
//! a guess was nor whose key it was.

use chrono::{DateTime, Utc};
use subtle::{Choice, ConditionallySelectable};

use crate::{
    access::{
        credential::{Credential, CredentialDigest, digest_of},
        route_key::RouteKey,
    },
    log::SourceName,
};

/// What a source with both kinds of credential asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// A route key or a token.
    #[default]
    Any,
    /// A route key and a token.
    All,
}

/// A source and what lets its sender in. Several credentials of a kind may be live at once: rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAccess {
    /// The source.
    pub name: SourceName,
    /// What may stand in the URL.
    pub route_keys: Vec<Credential>,
    /// What may stand in the `Authtoken` header.
    pub authtokens: Vec<Credential>,
    /// Whether either is enough.
    pub require: Require,
    /// The name of the header in which its sender gives each delivery an id, in lower case.
    pub delivery_id_header: Option<String>,
}

/// Who sends, and how the key was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The source.
    pub source: SourceName,
    /// Whether only the key's normal form let it in.
    pub by_normal_form: bool,
}

/// All sources and their credentials.
#[derive(Clone, Debug)]
pub struct Gate {
    sources: Vec<SourceAccess>,
}

/// No source has this index.
const NOBODY: u64 = u64::MAX;

impl Gate {
    /// A gate that lets these sources in. No credential may belong to two of them.
    pub fn new(sources: Vec<SourceAccess>) -> Gate {
        Gate { sources }
    }

    /// Who sends to `/webhook/{route_key}`. The token counts only where the source asks for both.
    ///
    /// A digest in the configuration may be of a key as its sender writes it: that goes before its normal form. Where
    /// they differ, it looks for both in any case.
    pub fn keyed(&self, route_key: &RouteKey, authtoken: Option<&[u8]>, now: DateTime<Utc>) -> Option<Sender> {
        let token = authtoken.map(digest_of);
        let find = |key: &str| {
            let key = (!key.is_empty()).then(|| digest_of(key.as_bytes()));
            self.find(|source| {
                let token_needed = Choice::from(u8::from(source.require == Require::All));
                any(&source.route_keys, key, now) & (any(&source.authtokens, token, now) | !token_needed)
            })
        };
        let as_written = find(&route_key.written);
        // Only the sent key decides whether there is another form to look for.
        let in_normal_form = if route_key.normal == route_key.written { None } else { find(&route_key.normal) };
        let by_normal_form = as_written.is_none();
        as_written.or(in_normal_form).map(|source| Sender { source, by_normal_form })
    }

    /// Who sends to `/webhook`. A source that asks for both is never found: it has no key here.
    pub fn by_token(&self, authtoken: Option<&[u8]>, now: DateTime<Utc>) -> Option<SourceName> {
        let token = authtoken.map(digest_of);
        self.find(|source| {
            let token_enough = Choice::from(u8::from(source.require == Require::Any));
            any(&source.authtokens, token, now) & token_enough
        })
    }

    /// The header in which the sender of `source` gives each delivery an id.
    pub fn delivery_id_header(&self, source: &SourceName) -> Option<&str> {
        let access = self.sources.iter().find(|access| access.name == *source)?;
        access.delivery_id_header.as_deref()
    }

    fn find(&self, admits: impl Fn(&SourceAccess) -> Choice) -> Option<SourceName> {
        let mut found = NOBODY;
        for (index, source) in (0_u64..).zip(&self.sources) {
            found.conditional_assign(&index, admits(source));
        }
        let index = usize::try_from(found).ok()?;
        self.sources.get(index).map(|source| source.name.clone())
    }
}

/// Whether `offered` is one of `credentials`. Without an offer the same work is done for nothing.
fn any(credentials: &[Credential], offered: Option<CredentialDigest>, now: DateTime<Utc>) -> Choice {
    let is_offered = Choice::from(u8::from(offered.is_some()));
    let offered = offered.unwrap_or_else(|| digest_of(b""));
    let found = credentials.iter().fold(Choice::from(0), |found, own| found | own.matches(&offered, now));
    found & is_offered
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Credentials as words; `old-…` expired at 50.
    fn credentials(words: &str) -> Vec<Credential> {
        let one = |word: &str| Credential {
            digest: digest_of(word.as_bytes()),
            expires_at: word.starts_with("old-").then(|| at(50)),
        };
        words.split_whitespace().map(one).collect()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn gate() -> Gate {
        let source = |name: &str, keys, tokens, require| SourceAccess {
            name: name.parse().unwrap(),
            route_keys: credentials(keys),
            authtokens: credentials(tokens),
            require,
            delivery_id_header: None,
        };
        Gate::new(vec![
            source("keys", "k1 k2/sub old-k", "", Require::Any),
            source("tokens", "", "t1 old-t", Require::Any),
            source("either", "ek", "et", Require::Any),
            source("both", "bk old-bk", "bt old-bt", Require::All),
            source("half", "hk", "", Require::All),
        ])
    }

    /// `<route key or -> <token or -> <time> = <source or ->`
    #[test]
    fn who_is_let_in() {
        let cases = "
            k1      -       100 = keys
            k2/sub  -       100 = keys
            k1      nonsense 100 = keys
            k2      -       100 = -
            K1      -       100 = -
            old-k   -        49 = keys
            old-k   -        50 = -
            t1      -       100 = -
            unknown t1      100 = -
            unknown bt      100 = -
            -       t1      100 = tokens
            -       T1      100 = -
            -       old-t    49 = tokens
            -       old-t    50 = -
            -       k1      100 = -
            -       -       100 = -
            ek      -       100 = either
            ek      wrong   100 = either
            -       et      100 = either
            bk      bt      100 = both
            bk      -       100 = -
            bk      wrong   100 = -
            bk      t1      100 = -
            bk      et      100 = -
            wrong   bt      100 = -
            -       bt      100 = -
            old-bk  bt       49 = both
            old-bk  bt       50 = -
            bk      old-bt   50 = -
            hk      -       100 = -
            hk      t1      100 = -
        ";
        for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = case.split_whitespace().collect();
            let [key, token, time, "=", expected] = words[..] else { panic!("{case}") };
            let token = (token != "-").then_some(token.as_bytes());
            let now = at(time.parse().unwrap());
            let found = match key {
                "-" => gate().by_token(token, now),
                key => gate().keyed(&written(key), token, now).map(|sender| sender.source),
            };
            assert_eq!(found.as_ref().map_or("-", SourceName::as_str), expected, "{case}");
        }
    }

    fn written(key: &str) -> RouteKey {
        RouteKey::in_path(&format!("/webhook/{key}")).unwrap()
    }

    #[test]
    fn a_key_as_it_is_written_goes_before_its_normal_form() {
        let source = |name: &str, key: &str| SourceAccess {
            name: name.parse().unwrap(),
            route_keys: credentials(key),
            authtokens: Vec::new(),
            require: Require::Any,
            delivery_id_header: None,
        };
        // As if the first one's digest had been made of a key with a slash at its end.
        let gate = Gate::new(vec![source("written", "a/b/"), source("normal", "a/b"), source("other", "c%2Fd")]);
        for (key, expected) in [
            ("a/b", Some(("normal", false))),
            ("a/b/", Some(("written", false))),
            ("a//b", Some(("normal", true))),
            ("%61/b%20", Some(("normal", true))),
            ("c%2Fd", Some(("other", false))),
            ("c/d", None),
        ] {
            let found = gate.keyed(&written(key), None, at(0));
            let told = found.as_ref().map(|sender| (sender.source.as_str(), sender.by_normal_form));
            assert_eq!(told, expected, "{key}");
        }
    }

    #[test]
    fn an_empty_gate_and_empty_secrets_let_nobody_in() {
        assert_eq!(Gate::new(Vec::new()).keyed(&written("k1"), Some(b"t1"), at(0)), None);
        assert_eq!(gate().keyed(&RouteKey::default(), Some(b""), at(0)), None);
        assert_eq!(gate().by_token(Some(b""), at(0)), None);
    }
}
