//! Credentials of senders and readers: digests of secrets, never the secrets themselves.
//!
//! A secret comes in as bytes and leaves as its BLAKE3 digest at once; nobody can sign in with a digest. Comparison
//! takes the same time wherever two digests differ. Keeps promise 7: a secret that is not kept can't reach a log line.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use subtle::{Choice, ConstantTimeEq};

/// The fewest characters a secret may have: 22 of an alphabet of 64 carry 128 bits.
pub const SECRET_CHARACTERS_MIN: usize = 22;

/// How a digest begins where it is written down.
pub const DIGEST_PREFIX: &str = "blake3:";

/// 33 letters and digits carry 196 bits.
const FRESH_CHARACTERS: usize = 33;

/// The BLAKE3 digest of a secret, written as `blake3:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Eq)]
pub struct CredentialDigest(pub(super) [u8; 32]);

/// The digest of `secret`.
pub fn digest_of(secret: &[u8]) -> CredentialDigest {
    CredentialDigest(*blake3::hash(secret).as_bytes())
}

/// Something that lets its holder in, perhaps only up to some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The digest of the secret.
    pub digest: CredentialDigest,
    /// From this time on it lets nobody in.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Credential {
    /// Whether `offered` is this credential and it has not expired at `now`. Its time does not depend on the digests.
    pub fn matches(&self, offered: &CredentialDigest, now: DateTime<Utc>) -> Choice {
        self.digest.ct_eq(offered) & Choice::from(u8::from(self.is_live(now)))
    }

    /// Whether it has not expired at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// The operating system has no random bytes to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no secret could be made: the operating system gives no random bytes ({0})")]
pub struct NoRandomness(#[from] getrandom::Error);

/// A new secret of letters and digits with 196 bits, usable as a route key and as a token.
pub fn fresh_secret() -> Result<String, NoRandomness> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut secret = String::with_capacity(FRESH_CHARACTERS);
    while secret.len() < FRESH_CHARACTERS {
        let mut random = [0; 64];
        getrandom::fill(&mut random)?;
        // 248 is the largest multiple of 62 in a byte: bytes above would favour the first letters.
        let fair = random.into_iter().filter(|byte| *byte < 248).map(|byte| ALPHABET[usize::from(byte % 62)]);
        secret.extend(fair.take(FRESH_CHARACTERS - secret.len()).map(char::from));
    }
    Ok(secret)
}

/// Not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `blake3:` and 64 hexadecimal digits")]
pub struct InvalidDigest;

impl FromStr for CredentialDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<CredentialDigest, InvalidDigest> {
        let digits = text.strip_prefix(DIGEST_PREFIX).ok_or(InvalidDigest)?;
        let hash = blake3::Hash::from_hex(digits).map_err(|_| InvalidDigest)?;
        Ok(CredentialDigest(*hash.as_bytes()))
    }
}

impl fmt::Display for CredentialDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIGEST_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CredentialDigest {
    /// Nothing that a log line should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialDigest(..)")
    }
}

impl ConstantTimeEq for CredentialDigest {
    fn ct_eq(&self, other: &CredentialDigest) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for CredentialDigest {
    fn eq(&self, other: &CredentialDigest) -> bool {
        self.ct_eq(other).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_digest_reads_back_as_it_is_printed() {
        let digest = digest_of(b"CF3uQP8cSFIQB8gB/9285030fceca");
        let text = digest.to_string();
        assert_eq!(text.len(), "blake3:".len() + 64);
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(text.to_uppercase().replace("BLAKE3", "blake3").parse(), Ok(digest));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let digits = "0".repeat(64);
        for text in ["", "blake3:", &digits, &format!("blake3:{}", &digits[1..]), &format!("blake3:{digits}0")] {
            assert_eq!(text.parse::<CredentialDigest>(), Err(InvalidDigest), "{text}");
        }
        assert!(format!("blake3:{}g", &digits[1..]).parse::<CredentialDigest>().is_err());
    }

    #[test]
    fn a_credential_matches_its_own_secret_until_it_expires() {
        let credential = Credential { digest: digest_of(b"right"), expires_at: Some(at(100)) };
        let matches = |secret: &[u8], now| bool::from(credential.matches(&digest_of(secret), now));
        assert!(matches(b"right", at(99)));
        assert!(!matches(b"right", at(100)));
        assert!(!matches(b"right", at(101)));
        assert!(!matches(b"wrong", at(99)));
        let lasting = Credential { expires_at: None, ..credential };
        assert!(bool::from(lasting.matches(&digest_of(b"right"), at(i64::from(u32::MAX)))));
    }

    #[test]
    fn debug_shows_no_digest() {
        let credential = Credential { digest: digest_of(b"right"), expires_at: None };
        assert_eq!(format!("{credential:?}"), "Credential { digest: CredentialDigest(..), expires_at: None }");
    }

    #[test]
    fn fresh_secrets_differ_and_fit_a_path_and_a_header() {
        let (one, other) = (fresh_secret().unwrap(), fresh_secret().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), FRESH_CHARACTERS);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
