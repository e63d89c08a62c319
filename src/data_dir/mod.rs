//! What a server writes into the lock file of its data directory: for commands on this machine, how to ask it; for the
//! next server, the key that seals browsers' sessions, and which of them ended.
//!
//! The log owns the file and its lock (`clockfold_log::DataDirLock`); only this module knows what its lines mean:
//!
//! ```text
//! http://127.0.0.1:8080               while the server runs: its URL
//! 3q2-7w...                           and a secret, which lets in whoever can read the file
//! session-key 9f86d081...             64 hexadecimal digits; stays
//! signed-out 00f1c2...5e 1772463845   the id of a session that somebody ended, and until when a copy of its cookie could count
//! ```

mod running_server;
mod sessions;

pub use running_server::RunningServer;
pub use sessions::{SessionKey, SignedOut, keep_signed_out, session_key, signed_out};
