//! Who asks or sends: senders by their route keys and tokens, readers by their tokens, and browsers by a session.
//!
//! Secrets come in as bytes, a source's name or a [`Viewer`] goes out, or nothing. Keeps promise 8: a client that is
//! not authenticated learns nothing, not even by how long the answer takes.

mod credential;
mod session;
mod route_key;
mod senders;
mod readers;

pub use credential::{
    Credential, CredentialDigest, DIGEST_PREFIX, InvalidDigest, NoRandomness, SECRET_CHARACTERS_MIN, digest_of,
    fresh_secret,
};
pub use readers::{ReaderAccess, Readers, Role, Viewer};
pub use route_key::{RouteKey, normalise as normalise_route_key};
pub use senders::{Gate, Require, Sender, SourceAccess};
pub use session::{CredentialTag, Seal, Session, SessionId};
