//! Browsers that are signed in: a cookie comes in; its reader goes out, or why it no longer counts.
//!
//! A cookie itself says whose session it is and when somebody was last at the page, under a seal that outlasts the
//! process: so there is no list, and a restart signs nobody out. We remember only who has signed out, over a restart
//! too, and which cookies were renewed, for subscriptions that began before.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use cookie::{CookieBuilder, SameSite};
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

/// The cookie's path, where no `public_url` says that the pages are below one.
const TOP: &str = "/";

/// As long as browsers keep a cookie at all.
const NEVER_IDLE: TimeDelta = TimeDelta::days(400);

/// The most sessions that are remembered, of either kind: a few megabytes.
const REMEMBERED_MAX: usize = 32_768;

/// How cookies are made.
#[derive(Clone)]
pub struct SessionSettings {
    /// Seals them.
    pub seal: Seal,
    /// Whether browsers are to send them over TLS only; `None`: where the page that signs in came over TLS.
    pub secure_cookies: Option<bool>,
    /// The lock file that keeps over a restart who has signed out; `None`: nowhere.
    pub lock: Option<CurrentLock>,
}

/// Returns the lock of the data directory, which may be taken anew while the server runs.
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

/// Why a session no longer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Ended {
    /// This server did not make it.
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
            // Until somebody asks, none is too old to matter.
            memory.signed_out.remember(SessionId::from_bytes(session), until, until, DateTime::<Utc>::MIN_UTC);
        }
        Sessions { settings, public, memory: Mutex::new(memory), signed_out: watch::Sender::new(()) }
    }

    /// The session of the request's cookie. `counts`: the request comes from a page whose cookies count.
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
        // A neighbour in the same domain may have planted a second one.
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

    /// Ends a session, whatever copies of its cookie there are, for as long as one of them could count: over a restart
    /// too, once this is done.
    pub(in crate::server) async fn end(&self, session: &Session, viewer: &Viewer, now: DateTime<Utc>) {
        let ended = self.forget(session, viewer, now);
        if let Some(lock) = self.settings.lock.clone() {
            // Only the client that signs out waits for the disk.
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

    /// The reader of a session, also where its cookie was renewed since the session was read from it. Subscriptions ask
    /// this now and then.
    pub(in crate::server) fn still(
        &self,
        readers: &Readers,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<Viewer, Ended> {
        self.judge(readers, &self.latest(session), now)
    }

    /// When a session will no longer count, if nobody is at the page again.
    pub(in crate::server) fn idle_at(&self, session: &Session, viewer: &Viewer) -> Option<DateTime<Utc>> {
        let minutes = viewer.idle_sign_out_minutes?;
        Some(self.latest(session).last_active + TimeDelta::minutes(minutes.get().into()))
    }

    /// Signals that somebody signs out; it may be somebody else.
    pub(in crate::server) fn watch(&self) -> watch::Receiver<()> {
        self.signed_out.subscribe()
    }

    /// The header that gives a browser its cookie.
    pub(in crate::server) fn cookie(&self, session: &Session, viewer: &Viewer, headers: &HeaderMap) -> HeaderValue {
        let secure = self.settings.secure_cookies.unwrap_or_else(|| origin::is_https(headers));
        let (value, seconds) = (self.settings.seal.close(session), lifetime(viewer).num_seconds());
        // Where the pages are below a path, other programs of the same site don't see it.
        let path = self.public.as_ref().filter(|public| !origin::is_beside_public(headers, public));
        let path = path.map_or(TOP, |public| public.path.as_str());
        let mut header = header_of(cookie::Cookie::build((COOKIE, value)).path(path).secure(secure), seconds);
        header.set_sensitive(true);
        header
    }

    /// An answer that takes the cookie away also takes the one that pages below a path got.
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

/// Neither scripts nor other sites get at it.
fn header_of(cookie: CookieBuilder<'_>, seconds: i64) -> HeaderValue {
    let lasts = cookie::time::Duration::seconds(seconds);
    let cookie = cookie.http_only(true).same_site(SameSite::Strict).max_age(lasts);
    HeaderValue::try_from(cookie.to_string()).expect("base64url, a path and ASCII words")
}

/// The header that takes a browser's cookie away.
pub(in crate::server) fn no_cookie() -> HeaderValue {
    no_cookie_at(TOP)
}

fn no_cookie_at(path: &str) -> HeaderValue {
    header_of(cookie::Cookie::build(COOKIE).path(path), 0)
}

/// How long a browser keeps a cookie.
fn lifetime(viewer: &Viewer) -> TimeDelta {
    viewer.idle_sign_out_minutes.map_or(NEVER_IDLE, |minutes| TimeDelta::minutes(minutes.get().into()))
}

/// The values of all our cookies in a request.
fn values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(cookie::Cookie::split_parse)
        .flatten()
        .filter(|cookie| cookie.name() == COOKIE)
        .filter_map(|cookie| cookie.value_raw())
}

/// Sessions with a time, each kept while it matters; where there are too many, the one goes that would go first.
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
