//! What one request of one reader may see: one snapshot, and no source beyond the reader's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::Context;
use chrono::{DateTime, SubsecRound as _, Utc};
use chrono_tz::Tz;

use crate::{
    access::{Role, Viewer},
    lifecycle::{FoldRules, Lifecycle},
    log::{ArrivalTime, Body, Clock, Delivery, Log, Position, SourceName},
    projection::{AsOf, BoardOf, Deadline, DeliveryFilter, Moment, Page, Reader, Rules, StaleRules, View},
    tracker::{Rebuilds, Tracker},
};

use super::{
    limits::{ANSWER_BYTES_MAX, Limits},
    problem::Problem,
    settings::SourceSettings,
};

/// Where answers come from.
pub(super) struct Stores {
    pub(super) reader: Reader,
    pub(super) log: Arc<dyn Log>,
    pub(super) rules: Arc<Rules>,
    /// The configured sources.
    pub(super) sources: BTreeMap<SourceName, SourceSettings>,
    pub(super) clock: Clock,
    pub(super) lifecycles: Vec<Lifecycle>,
    pub(super) limits: Arc<Limits>,
    /// Who writes; `None` where nobody does.
    pub(super) writer: Option<(Tracker, Rebuilds)>,
}

/// One request's view of them.
pub(super) struct Scope {
    stores: Arc<Stores>,
    viewer: Viewer,
    deadline: Deadline,
    view: OnceLock<View>,
    bytes_left: AtomicUsize,
}

impl Scope {
    pub(super) fn new(stores: Arc<Stores>, viewer: Viewer) -> Scope {
        let bytes_left = AtomicUsize::new(ANSWER_BYTES_MAX);
        Scope { stores, viewer, deadline: Deadline::default(), view: OnceLock::new(), bytes_left }
    }

    /// The same for a request whose client waits no longer than this.
    pub(super) fn within(self, deadline: Deadline) -> Scope {
        Scope { deadline, ..self }
    }

    /// The scope of the request that is being answered.
    pub(super) fn of<'a>(ctx: &Context<'a>) -> &'a Scope {
        ctx.data_unchecked::<Scope>()
    }

    /// The snapshot. It is taken when it is first asked for and stays for the whole request.
    pub(super) fn view(&self) -> &View {
        self.view.get_or_init(|| self.stores.reader.view().within(self.deadline.clone()))
    }

    pub(super) fn log(&self) -> &dyn Log {
        &*self.stores.log
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.stores.limits
    }

    pub(super) fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    pub(super) fn role(&self) -> Role {
        self.viewer.role
    }

    pub(super) fn rules(&self, source: &SourceName) -> &FoldRules {
        self.stores.rules.of(source)
    }

    pub(super) fn all_rules(&self) -> &Rules {
        &self.stores.rules
    }

    pub(super) fn stale_rules(&self, source: &SourceName) -> StaleRules {
        self.settings(source).stale
    }

    /// A source's part of a board.
    pub(super) fn board_of<'a>(&'a self, source: &'a SourceName) -> BoardOf<'a> {
        BoardOf { source, fold: self.rules(source), stale: self.stale_rules(source) }
    }

    pub(super) fn time_zone(&self, source: &SourceName) -> Tz {
        self.settings(source).time_zone
    }

    pub(super) fn settings(&self, source: &SourceName) -> SourceSettings {
        self.stores.sources.get(source).copied().unwrap_or_default()
    }

    pub(super) fn lifecycle(&self, source: &SourceName) -> &Lifecycle {
        &self.rules(source).lifecycle
    }

    /// The time by the clock, as precise as arrival times are.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.stores.clock)().trunc_subsecs(3)
    }

    /// Lifecycles of the configuration's own.
    pub(super) fn lifecycles(&self) -> &[Lifecycle] {
        &self.stores.lifecycles
    }

    pub(super) fn tracker(&self) -> Result<&Tracker, Problem> {
        self.stores.writer.as_ref().map(|(tracker, _)| tracker).ok_or(Problem::NotOffered)
    }

    pub(super) fn rebuilds(&self) -> Result<&Rebuilds, Problem> {
        self.stores.writer.as_ref().map(|(_, rebuilds)| rebuilds).ok_or(Problem::NotOffered)
    }

    pub(super) fn require_admin(&self) -> Result<(), Problem> {
        match self.viewer.role {
            Role::Admin => Ok(()),
            Role::Viewer => Err(Problem::Forbidden("This is for readers with the role `admin`.")),
        }
    }

    pub(super) fn require_admin_of_everything(&self) -> Result<(), Problem> {
        self.require_admin()?;
        match &self.viewer.sources {
            None => Ok(()),
            Some(_) => Err(Problem::Forbidden("This is for admins of all sources.")),
        }
    }

    pub(super) fn may_read_bodies(&self) -> bool {
        self.viewer.role == Role::Admin
    }

    /// Counts bytes from senders against what one answer may hold: senders choose their size.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), Problem> {
        let charged =
            self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        charged.map(drop).map_err(|_| Problem::AnswerTooLarge)
    }

    /// The same for a delivery.
    pub(super) fn charge_for(&self, delivery: &Delivery) -> Result<(), Problem> {
        self.charge(sent_bytes(delivery))
    }

    /// The names of the configured sources that the reader may see.
    pub(super) fn configured(&self) -> impl Iterator<Item = &SourceName> {
        self.stores.sources.keys().filter(|name| self.sees(name))
    }

    /// The sources that a query means: the one it names, or all that the reader may see.
    pub(super) fn select(&self, name: Option<&str>) -> Result<Vec<SourceName>, Problem> {
        let known = || self.stores.sources.keys().chain(self.view().sources());
        let Some(name) = name else {
            let visible: BTreeSet<&SourceName> = known().filter(|source| self.sees(source)).collect();
            return Ok(visible.into_iter().cloned().collect());
        };
        let named = known().find(|source| source.as_str() == name && self.sees(source));
        named.map(|source| vec![source.clone()]).ok_or(Problem::SourceNotFound)
    }

    /// The position and time of a moment; deliveries that the snapshot has not folded yet do not count, nor those that
    /// the reader may not see: it does not learn when they arrived.
    pub(super) fn moment(&self, as_of: AsOf) -> Result<Moment, Problem> {
        let position = self.last_visible(self.view().position_of(self.log(), as_of)?)?;
        Ok(match as_of {
            AsOf::Time(time) => Moment { position, time },
            AsOf::Position(_) => {
                let last = match position {
                    Position::ZERO => None,
                    position => self.log().read(position).next().transpose()?,
                };
                Moment { position, time: last.map_or(DateTime::UNIX_EPOCH, |delivery| delivery.received_at) }
            }
        })
    }

    /// The last position up to this one whose delivery the reader may see; 0 where there is none.
    fn last_visible(&self, position: Position) -> Result<Position, Problem> {
        if self.viewer.sources.is_none() {
            return Ok(position);
        }
        let filter = DeliveryFilter { sources: self.select(None)?, ..DeliveryFilter::default() };
        let page = Page { after: None, before: Some(position.next()), limit: 1, from_end: true };
        Ok(self.view().deliveries(&filter, &page)?.items.first().copied().unwrap_or(Position::ZERO))
    }

    /// Everything that the snapshot has folded, at the time at which a delivery would arrive now.
    pub(super) fn this_moment(&self) -> Result<Moment, Problem> {
        let last = self.moment(AsOf::Position(Position::new(u64::MAX)))?;
        Ok(Moment { time: self.now_after(last.time), ..last })
    }

    /// The time at which a delivery would arrive now that follows one of `last`.
    pub(super) fn now_after(&self, last: DateTime<Utc>) -> DateTime<Utc> {
        ArrivalTime::at(last, self.now(), DateTime::<Utc>::MIN_UTC).time()
    }

    /// A delivery that the snapshot has folded, as the log has it.
    pub(super) fn sent(&self, position: Position) -> Result<Option<Delivery>, Problem> {
        if position == Position::ZERO || position > self.view().checkpoint()?.position {
            return Ok(None);
        }
        let Some(delivery) = self.log().read(position).next().transpose()? else { return Ok(None) };
        if !self.sees(&delivery.source) {
            return Ok(None);
        }
        self.charge_for(&delivery)?;
        Ok(Some(delivery))
    }

    /// Whether the reader may see a source.
    pub(super) fn sees(&self, source: &SourceName) -> bool {
        self.viewer.sources.as_ref().is_none_or(|sources| sources.contains(source))
    }
}

/// How many bytes from its sender are read with a delivery.
pub(super) fn sent_bytes(delivery: &Delivery) -> usize {
    let body = match &delivery.body {
        Body::Kept { bytes, .. } => bytes.len(),
        Body::Erased { .. } => 0,
    };
    body + delivery.reading.event_type().map_or(0, str::len)
}
