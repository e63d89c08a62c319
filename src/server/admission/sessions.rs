//! Browsers that are signed in: a cookie comes in, the reader whose it is goes out, or why it counts no more.
//!
//! A cookie says itself whose session it is and when somebody was last at the page, under a seal that outlasts the
//! process: so there is no list, and a new start signs nobody out. What is remembered only takes away or tells more:
//! who has signed out, which is kept over a restart too, and what open subscriptions need to know of cookies that were
//! renewed since they began.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use warp::{
    http::{HeaderMap, HeaderValue, header},
    reply::Response,
};

use crate::{
    access::{Readers, Seal, Session, SessionId, Viewer, digest_of},
    data_dir::{SignedOut, keep_signed_out, signed_out},
    log::DataDirLock,
    server::admission::origin::{self, PublicUrl},
};

/// The cookie's name.
const COOKIE: &str = "clockfold-session";

/// What keeps it from scripts and from other sites.
const ATTRIBUTES: &str = "HttpOnly; SameSite=Strict";

/// Where it is sent, where no `public_url` says that the pages are below a path.
const TOP: &str = "/";

/// As long as browsers keep a cookie at all.
const NEVER_IDLE: TimeDelta = TimeDelta::days(400);

/// So many sessions are remembered, of either kind: a few megabytes.
const REMEMBERED_MAX: usize = 32_768;

/// How cookies are made.
#[derive(Clone)]
pub struct SessionSettings {
    /// What they are sealed with.
    pub seal: Seal,
    /// Whether browsers are told to send them over TLS only; `None`: where the page that signs in came over TLS.
    pub secure_cookies: Option<bool>,
    /// Where it is kept over a restart who has signed out; `None`: nowhere.
    pub lock: Option<CurrentLock>,
}

/// Tells the lock of the data directory, which may be taken anew while the server runs.
pub(in crate::server) type CurrentLock = Arc<dyn Fn() -> Arc<DataDirLock> + Send + Sync>;

/// All of them.
pub(in crate::server) struct Sessions {
    settings: SessionSettings,
    /// Where the pages are, where that is below a path.
    public: Option<PublicUrl>,
    memory: Mutex<Memory>,
    /// Told when somebody signs out.
    signed_out: watch::Sender<()>,
}

/// What the cookies of a request say.
pub(in crate::server) enum Cookie {
    /// Nothing, or nothing that counts here: another site's page may have sent them.
    Absent,
    /// Who it is.
    Counts(Session, Viewer),
    /// No more.
    Ended(Ended),
}

/// Why a session counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Ended {
    /// It is none that this server made.
    Unknown,
    /// Somebody signed out.
    SignedOut,
    /// Nobody was at the page for too long.
    Idle(NonZeroU32),
    /// Its browser has not come back for as long as it keeps a cookie.
    Forgotten,
    /// Its credential has expired, or is not configured any more.
    CredentialGone,
}

#[derive(Default)]
struct Memory {
    signed_out: Ledger,
    renewed: Ledger,
}

impl Sessions {
    pub(in crate::server) fn new(settings: SessionSettings, public: Option<PublicUrl>) -> Sessions {
        let public = public.filter(|public| !public.path.is_empty());
        let mut memory = Memory::default();
        for SignedOut { session, until } in settings.lock.iter().flat_map(|lock| signed_out(&lock())) {
            // None is too old to matter before somebody asks.
            memory.signed_out.remember(SessionId::from_bytes(session), until, until, DateTime::<Utc>::MIN_UTC);
        }
        Sessions { settings, public, memory: Mutex::new(memory), signed_out: watch::Sender::new(()) }
    }

    /// Whose session the request's cookie is. `counts`: the request comes from a page whose cookies do.
    pub(in crate::server) fn of(
        &self,
        readers: &Readers,
        headers: &HeaderMap,
        counts: bool,
        now: DateTime<Utc>,
    ) -> Cookie {
        if readers.is_empty() || !counts {
            return Cookie::Absent;
        }
        let mut values = values(headers);
        let Some(value) = values.next() else { return Cookie::Absent };
        // A second one may be planted by a neighbour in the same domain.
        let session = self.settings.seal.open(value).filter(|_| values.next().is_none());
        let Some(session) = session else { return Cookie::Ended(Ended::Unknown) };
        match self.judge(readers, &session, now) {
            Ok(viewer) => Cookie::Counts(session, viewer),
            Err(ended) => Cookie::Ended(ended),
        }
    }

    /// A new session of the reader whose token this is.
    pub(in crate::server) fn begin(
        &self,
        readers: &Readers,
        token: &[u8],
        now: DateTime<Utc>,
    ) -> Option<(Session, Viewer)> {
        let viewer = readers.authenticate(token, now)?;
        let tag = self.settings.seal.tag(&digest_of(token));
        let session =
            Session::begin(tag, now).inspect_err(|error| tracing::error!(%error, "nobody can sign in")).ok()?;
        Some((session, viewer))
    }

    /// The same session, with somebody at the page now.
    pub(in crate::server) fn renew(&self, session: Session, viewer: &Viewer, now: DateTime<Utc>) -> Session {
        self.memory().renewed.remember(session.id, now, now + lifetime(viewer), now);
        Session { last_active: now, ..session }
    }

    /// Nobody's session from now on, whatever copies of its cookie there are, for as long as one of them could count.
    /// Over a restart too, once this is done.
    pub(in crate::server) async fn end(&self, session: &Session, viewer: &Viewer, now: DateTime<Utc>) {
        let ended = self.forget(session, viewer, now);
        if let Some(lock) = self.settings.lock.clone() {
            // Whoever signs out waits for the disk; nobody else does.
            let _ = tokio::task::spawn_blocking(move || keep_signed_out(&lock(), ended, now)).await;
        }
    }

    fn forget(&self, session: &Session, viewer: &Viewer, now: DateTime<Utc>) -> SignedOut {
        // Twice, because a copy may be of a time before the clock was put back.
        let until = now + lifetime(viewer) * 2;
        self.memory().signed_out.remember(session.id, now, until, now);
        self.signed_out.send_replace(());
        SignedOut { session: session.id.to_bytes(), until }
    }

    /// The reader of a session, also where its cookie was renewed since the session was read from it. What is open asks
    /// this now and then.
    pub(in crate::server) fn still(
        &self,
        readers: &Readers,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<Viewer, Ended> {
        self.judge(readers, &self.latest(session), now)
    }

    /// When a session will count no more, if nobody is at the page again.
    pub(in crate::server) fn idle_at(&self, session: &Session, viewer: &Viewer) -> Option<DateTime<Utc>> {
        let minutes = viewer.idle_sign_out_minutes?;
        Some(self.latest(session).last_active + TimeDelta::minutes(minutes.get().into()))
    }

    /// Told when somebody signs out; it may be somebody else.
    pub(in crate::server) fn watch(&self) -> watch::Receiver<()> {
        self.signed_out.subscribe()
    }

    /// The header that gives a browser its cookie.
    pub(in crate::server) fn cookie(&self, session: &Session, viewer: &Viewer, headers: &HeaderMap) -> HeaderValue {
        let secure = self.settings.secure_cookies.unwrap_or_else(|| origin::is_https(headers));
        let (value, seconds) = (self.settings.seal.close(session), lifetime(viewer).num_seconds());
        let secure = if secure { "; Secure" } else { "" };
        // Other programs of the same site see it not, where the pages are below a path.
        let path = self.public.as_ref().filter(|public| !origin::is_beside_public(headers, public));
        let path = path.map_or(TOP, |public| public.path.as_str());
        let text = format!("{COOKIE}={value}; Path={path}; {ATTRIBUTES}; Max-Age={seconds}{secure}");
        let mut header = HeaderValue::try_from(text).expect("base64url and ASCII words");
        header.set_sensitive(true);
        header
    }

    /// Where an answer takes the cookie away, it also takes the one that was given to pages below a path.
    pub(in crate::server) fn take_both(&self, mut response: Response) -> Response {
        if let Some(public) = &self.public
            && response.headers().get_all(header::SET_COOKIE).iter().any(|cookie| *cookie == no_cookie())
        {
            response.headers_mut().append(header::SET_COOKIE, no_cookie_at(&public.path));
        }
        response
    }

    fn judge(&self, readers: &Readers, session: &Session, now: DateTime<Utc>) -> Result<Viewer, Ended> {
        if self.memory().signed_out.time(&session.id).is_some() {
            return Err(Ended::SignedOut);
        }
        let is_it = |digest: &_| self.settings.seal.tag(digest).ct_eq(&session.credential);
        let viewer = readers.authenticate_by(is_it, now).ok_or(Ended::CredentialGone)?;
        // Also where the clock has gone back that far: it was wrong then, or is now.
        if (now - session.last_active).abs() >= lifetime(&viewer) {
            return Err(viewer.idle_sign_out_minutes.map_or(Ended::Forgotten, Ended::Idle));
        }
        Ok(Viewer { signed_in: true, ..viewer })
    }

    fn latest(&self, session: &Session) -> Session {
        let renewed = self.memory().renewed.time(&session.id);
        Session { last_active: renewed.map_or(session.last_active, |time| time.max(session.last_active)), ..*session }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header that takes a browser's cookie away.
pub(in crate::server) fn no_cookie() -> HeaderValue {
    no_cookie_at(TOP)
}

fn no_cookie_at(path: &str) -> HeaderValue {
    HeaderValue::try_from(format!("{COOKIE}=; Path={path}; {ATTRIBUTES}; Max-Age=0")).expect("ASCII words")
}

/// How long a browser keeps a cookie.
fn lifetime(viewer: &Viewer) -> TimeDelta {
    viewer.idle_sign_out_minutes.map_or(NEVER_IDLE, |minutes| TimeDelta::minutes(minutes.get().into()))
}

/// The values of all cookies of ours in a request.
fn values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Sessions with a time, each for as long as it matters; where there are too many, the one that would go first goes.
#[derive(Default)]
struct Ledger {
    times: BTreeMap<SessionId, (DateTime<Utc>, DateTime<Utc>)>,
    by_end: BTreeSet<(DateTime<Utc>, SessionId)>,
}

impl Ledger {
    fn remember(&mut self, id: SessionId, time: DateTime<Utc>, until: DateTime<Utc>, now: DateTime<Utc>) {
        if let Some((_, until)) = self.times.insert(id, (time, until)) {
            self.by_end.remove(&(until, id));
        }
        self.by_end.insert((until, id));
        while self.by_end.first().is_some_and(|(until, _)| *until < now || self.by_end.len() > REMEMBERED_MAX) {
            let (_, gone) = self.by_end.pop_first().expect("it was looked at");
            self.times.remove(&gone);
        }
    }

    fn time(&self, id: &SessionId) -> Option<DateTime<Utc>> {
        self.times.get(id).map(|(time, _)| *time)
    }
}

#[cfg(test)]
mod tests;
