//! The pass of a subscriber: a subscription could last longer than the token or the session that it began with. It ends
//! with them, and a session that is renewed meanwhile keeps it open.

use std::{future::pending, time::Duration};

use tokio::{sync::watch, time::Instant};

use crate::{
    access::Session,
    server::admission::{access::Access, sessions::Ended},
};

/// A reader's token, or its session in a browser.
pub(in crate::server) enum Pass {
    Token(Vec<u8>),
    Session(Session),
}

/// When to look at a pass, beside the regular looks: when its session may have been idle for too long, and when
/// somebody signs out.
pub(in crate::server) struct Vigil {
    signed_out: Option<watch::Receiver<()>>,
    idle_at: Option<Instant>,
}

impl Pass {
    pub(in crate::server) fn token(token: &[u8]) -> Pass {
        Pass::Token(token.to_vec())
    }

    /// Why it no longer counts, if so, in words that fit a close frame.
    pub(in crate::server) fn ended(&self, access: &Access) -> Option<String> {
        let now = (access.clock)();
        match self {
            Pass::Token(token) => {
                access.readers.authenticate(token, now).is_none().then(|| "the token has expired.".to_owned())
            }
            Pass::Session(session) => match access.sessions.still(&access.readers, session, now) {
                Ok(_) => None,
                Err(Ended::Idle(minutes)) => Some(format!("signed out: nobody was at the page for {minutes} min.")),
                Err(Ended::SignedOut | Ended::Unknown | Ended::Forgotten) => Some("signed out.".to_owned()),
                Err(Ended::CredentialGone) => Some("signed out: the token has expired.".to_owned()),
            },
        }
    }

    /// How long its session may still be idle.
    fn idle_left(&self, access: &Access) -> Option<Duration> {
        let Pass::Session(session) = self else { return None };
        let now = (access.clock)();
        let viewer = access.sessions.still(&access.readers, session, now).ok()?;
        let left = access.sessions.idle_at(session, &viewer)? - now;
        Some(left.to_std().unwrap_or_default())
    }
}

impl Vigil {
    pub(in crate::server) fn over(pass: Option<&Pass>, access: &Access) -> Vigil {
        let signed_out = matches!(pass, Some(Pass::Session(_))).then(|| access.sessions.watch());
        let idle_at = pass.and_then(|pass| pass.idle_left(access)).map(|left| Instant::now() + left);
        Vigil { signed_out, idle_at }
    }

    /// Returns when the pass is to be looked at. Dropping it loses nothing.
    pub(in crate::server) async fn passes(&mut self) {
        let idle = async {
            match self.idle_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => pending().await,
            }
        };
        let signed_out = async {
            match &mut self.signed_out {
                Some(signed_out) => _ = signed_out.changed().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = idle => {}
            () = signed_out => {}
        }
    }
}
