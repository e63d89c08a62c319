//! A secret as we keep it: its digest, and until when it counts.

use chrono::{DateTime, Utc};
use subtle::{Choice, ConstantTimeEq};

/// The digest of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialDigest(pub [u8; 32]);

impl CredentialDigest {
    /// The digest of `secret`.
    pub fn of(secret: &[u8]) -> CredentialDigest {
        CredentialDigest(*blake3::hash(secret).as_bytes())
    }
}

/// A secret that somebody may offer.
#[derive(Clone)]
pub struct Credential {
    /// The digest of the secret.
    pub digest: CredentialDigest,
    /// When it stops to count; `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Credential {
    /// Whether `offered` is this secret and it counts at `now`. Takes the same time either way.
    pub fn matches(&self, offered: &CredentialDigest, now: DateTime<Utc>) -> Choice {
        let valid = self.expires_at.is_none_or(|expires_at| now < expires_at);
        self.digest.0.ct_eq(&offered.0) & Choice::from(u8::from(valid))
    }
}
