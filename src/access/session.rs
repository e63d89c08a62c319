//! What a browser holds in place of a token: a text that only the server's own key can make, so no list of sessions is
//! needed.
//!
//! `v1.` and, in base64url, 72 bytes: the session's id (16), the tag of the credential that it began with (16), when
//! somebody was last at the page (8, milliseconds since 1970, big-endian), and BLAKE3's keyed hash of these (32).
//! Neither the token nor its digest is in it, and nobody can make one from the configuration's digests. Whether a
//! session still counts is decided elsewhere: here is neither a clock nor a reader.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use subtle::{Choice, ConstantTimeEq};

use crate::access::credential::{CredentialDigest, NoRandomness};

const PREFIX: &str = "v1.";
const ID_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const SEALED_BYTES: usize = ID_BYTES + TAG_BYTES + TIME_BYTES;
const SEAL_BYTES: usize = 32;
/// The text's length: no byte is left over by base64, so there is one text for 72 bytes.
const CHARACTERS: usize = PREFIX.len() + (SEALED_BYTES + SEAL_BYTES) / 3 * 4;

/// Identifies a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId([u8; ID_BYTES]);

/// Names a credential to the holder of the key, and to nobody else.
#[derive(Clone, Copy, Eq)]
pub struct CredentialTag([u8; TAG_BYTES]);

/// One sign-in of one browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Stays the same while it is renewed.
    pub id: SessionId,
    /// What it began with.
    pub credential: CredentialTag,
    /// When somebody was last at the page, by the server's clock, in milliseconds.
    pub last_active: DateTime<Utc>,
}

/// Makes the text of a session, and recognizes its own.
#[derive(Clone)]
pub struct Seal {
    seal_key: [u8; 32],
    tag_key: [u8; 32],
}

impl Session {
    /// A new one.
    pub fn begin(credential: CredentialTag, now: DateTime<Utc>) -> Result<Session, NoRandomness> {
        let mut id = SessionId([0; ID_BYTES]);
        getrandom::fill(&mut id.0)?;
        Ok(Session { id, credential, last_active: now })
    }
}

impl SessionId {
    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; ID_BYTES]) -> SessionId {
        SessionId(bytes)
    }

    /// Its bytes. They are no secret that lets anybody in.
    pub fn to_bytes(self) -> [u8; ID_BYTES] {
        self.0
    }
}

impl Seal {
    /// The seal of a key of random bytes.
    pub fn new(key: &[u8; 32]) -> Seal {
        let derived = |context| blake3::derive_key(context, key);
        Seal { seal_key: derived("clockfold session v1 seal"), tag_key: derived("clockfold session v1 credential") }
    }

    /// The tag of a credential.
    pub fn tag(&self, digest: &CredentialDigest) -> CredentialTag {
        let hash = blake3::keyed_hash(&self.tag_key, &digest.0);
        let (tag, _) = hash.as_bytes().split_first_chunk().expect("a hash is longer than a tag");
        CredentialTag(*tag)
    }

    /// The text of a session.
    pub fn close(&self, session: &Session) -> String {
        let time = session.last_active.timestamp_millis().to_be_bytes();
        let sealed = [&session.id.0[..], &session.credential.0, &time].concat();
        let seal = blake3::keyed_hash(&self.seal_key, &sealed);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&sealed[..], seal.as_bytes()].concat()))
    }

    /// The session in a text of ours; `None` for every other text. The time it takes does not depend on the seal.
    pub fn open(&self, text: &str) -> Option<Session> {
        let encoded = text.strip_prefix(PREFIX).filter(|_| text.len() == CHARACTERS)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (sealed, seal) = bytes.split_at_checked(SEALED_BYTES)?;
        let expected = blake3::keyed_hash(&self.seal_key, sealed);
        if !bool::from(expected.as_bytes().ct_eq(seal)) {
            return None;
        }
        let (id, rest) = sealed.split_first_chunk()?;
        let (tag, rest) = rest.split_first_chunk()?;
        let (time, _) = rest.split_first_chunk()?;
        let last_active = DateTime::from_timestamp_millis(i64::from_be_bytes(*time))?;
        Some(Session { id: SessionId(*id), credential: CredentialTag(*tag), last_active })
    }
}

impl ConstantTimeEq for CredentialTag {
    fn ct_eq(&self, other: &CredentialTag) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for CredentialTag {
    fn eq(&self, other: &CredentialTag) -> bool {
        self.ct_eq(other).into()
    }
}

impl fmt::Debug for SessionId {
    /// Nothing that a log line should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

impl fmt::Debug for CredentialTag {
    /// Nothing that a log line should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialTag(..)")
    }
}

impl fmt::Debug for Seal {
    /// Nothing that a log line should not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::digest_of;

    fn sealed() -> (Seal, Session, String) {
        let seal = Seal::new(&[7; 32]);
        let now = DateTime::from_timestamp_millis(1_772_463_845_678).unwrap();
        let session = Session::begin(seal.tag(&digest_of(b"the-token-of-a-reader")), now).unwrap();
        let text = seal.close(&session);
        (seal, session, text)
    }

    #[test]
    fn a_text_is_opened_by_its_own_key_alone() {
        let (seal, session, text) = sealed();
        assert_eq!(seal.open(&text), Some(session));
        assert_eq!(text.len(), CHARACTERS);
        assert_eq!(Seal::new(&[8; 32]).open(&text), None);
        assert_ne!(Session::begin(session.credential, session.last_active).unwrap().id, session.id);
    }

    #[test]
    fn a_text_with_another_bit_or_length_is_nobodys() {
        let (seal, _, text) = sealed();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(other) = String::from_utf8(bytes) else { continue };
                assert_eq!(seal.open(&other), None, "bit {bit} of byte {at}");
            }
            assert_eq!(seal.open(&text[..at]), None, "cut at {at}");
            assert_eq!(seal.open(&text[at + 1..]), None, "cut before {}", at + 1);
        }
        for other in
            [format!("{text}A"), format!("{text}="), format!(" {text}"), text.replace("v1.", "v2."), String::new()]
        {
            assert_eq!(seal.open(&other), None, "{other}");
        }
        // The id of one with the seal of another.
        let (_, _, another) = sealed();
        for at in PREFIX.len() + ID_BYTES * 4 / 3 + 1..PREFIX.len() + SEALED_BYTES * 4 / 3 {
            assert_eq!(seal.open(&format!("{}{}", &text[..at], &another[at..])), None, "{at}");
        }
    }

    #[test]
    fn neither_the_text_nor_debug_tells_a_digest() {
        let (seal, session, text) = sealed();
        let digest = digest_of(b"the-token-of-a-reader");
        let bytes = URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).unwrap();
        assert!(!bytes.windows(TAG_BYTES).any(|window| window == &digest.0[..TAG_BYTES]));
        let told = format!("{seal:?} {session:?}");
        assert_eq!(told.matches("..").count(), 3, "{told}");
        assert_ne!(Seal::new(&[8; 32]).tag(&digest), seal.tag(&digest));
    }
}
