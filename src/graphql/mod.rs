//! The GraphQL API: one schema over the projection and the log, and its HTTP.
//!
//! An HTTP request and the reader who sent it come in, an HTTP answer goes out; the server carries
//! both. One request sees one snapshot. Every resolver asks its `Scope`, which shows
//! only what the reader may see. This is the only place that names async-graphql.

mod readers;

mod http;
mod params;
mod prepare;
mod limits;
mod variables;
mod refusal;

mod query;
mod scope;
mod appointment;
mod board;
mod board_change;
mod explanation;
mod delivery;
mod connection;
mod place;
mod lifecycle;
mod log_status;
mod rebuild;
mod change;
mod live;
mod subscription;
mod words;
mod scalars;
mod problem;

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::SDLExportOptions;
use serde_json::Value;

use crate::{
    lifecycle::Lifecycle,
    log::{Clock, Log, SourceName},
    projection::{Reader, Rules, StaleRules},
    tracker::{Rebuilds, Tracker},
};

pub use http::{HttpAnswer, HttpRequest, Method};
pub use live::Events;
pub use readers::{ReaderAccess, Readers, Role, Viewer};

use http::{Endpoint, refused, text};
use live::Live;
use params::Params;
use prepare::{Prepared, Transport};
use query::Query;
use rebuild::Mutation;
use refusal::Refusal;
use scope::{Scope, Stores};
use subscription::Subscription_;

type Schema = async_graphql::Schema<Query, Mutation, Subscription_>;

/// The API over one projection and its log.
pub struct Graph {
    endpoint: Endpoint,
    stores: Arc<Stores>,
    live: Arc<Live>,
}

/// What a socket is asked for, checked and not begun.
pub struct Operation(Prepared);

/// What an operation over a socket has to say.
pub enum Told {
    /// The JSON of the one response.
    Once(Arc<str>),
    /// The JSON of a response for each event.
    Events(Events),
    /// The JSON of the errors for which it was not executed.
    Refused(String),
}

/// What a [`Graph`] answers from.
pub struct GraphParts {
    /// Reads the projection.
    pub reader: Reader,
    /// The log.
    pub log: Arc<dyn Log>,
    /// The rules that the projection is folded by.
    pub rules: Arc<Rules>,
    /// The configured sources, and when their appointments count as stale.
    pub sources: BTreeMap<SourceName, StaleRules>,
    /// Lifecycles of the configuration's own.
    pub lifecycles: Vec<Lifecycle>,
    /// Who writes; `None` where nobody does, and nothing can be rebuilt.
    pub writer: Option<(Tracker, Rebuilds)>,
    /// The clock that gives arrival times.
    pub clock: Clock,
}

impl Graph {
    /// An API over these.
    pub fn new(parts: GraphParts) -> Graph {
        let GraphParts { reader, log, rules, sources: stale, lifecycles, writer, clock } = parts;
        let configured_sources = stale.keys().cloned().collect();
        let stores = Stores { reader, log, rules, stale, configured_sources, clock, lifecycles, writer };
        let (schema, stores) = (schema(), Arc::new(stores));
        let live = Live::new(schema.clone(), Arc::clone(&stores));
        Graph { endpoint: Endpoint::new(schema), stores, live }
    }

    /// Answers one HTTP request of `viewer`. Reads from disk: call it where blocking is fine.
    pub fn answer(&self, request: HttpRequest<'_>, viewer: Viewer) -> HttpAnswer {
        let scope = Scope::new(self.stores.clone(), viewer);
        self.endpoint.answer(&request, |request| request.data(scope))
    }
}

impl Graph {
    /// Whether a request asks to be told as server-sent events; see [`Graph::subscribe`].
    pub fn wants_events(&self, request: &HttpRequest<'_>) -> bool {
        http::wants_events(request)
    }

    /// Begins a subscription of `viewer`: each item is the JSON of a GraphQL response. The answer instead, where it
    /// can't begin. Reads from disk: call it where blocking is fine, on a thread of the runtime.
    pub fn subscribe(&self, request: &HttpRequest<'_>, viewer: Viewer) -> Result<Events, HttpAnswer> {
        let prepared = Params::read(request)
            .and_then(|params| self.endpoint.prepare(params, request.method, Transport::Events))
            .and_then(|prepared| self.live.begin(prepared, viewer));
        prepared.map_err(|refusal| refused(http::MediaType::GraphQl, refusal))
    }

    /// Checks what a socket is asked for; an error is the JSON of the errors.
    pub fn operation(&self, payload: Value) -> Result<Operation, String> {
        let checked =
            Params::of(payload).and_then(|params| self.endpoint.prepare(params, Method::Post, Transport::Socket));
        checked.map(Operation).map_err(errors)
    }

    /// Executes or begins it for `viewer`. Reads from disk: call it where blocking is fine, on a thread of the runtime.
    pub fn operate(&self, Operation(prepared): Operation, viewer: Viewer) -> Told {
        let told = if prepared.is_subscription {
            self.live.begin(prepared, viewer).map(Told::Events)
        } else {
            let scope = Scope::new(Arc::clone(&self.stores), viewer);
            self.endpoint.execute(&prepared, scope).map(|response| Told::Once(text(response)))
        };
        told.unwrap_or_else(|refusal| Told::Refused(errors(refusal)))
    }
}

impl Operation {
    /// Whether it goes on until somebody ends it.
    pub fn is_subscription(&self) -> bool {
        self.0.is_subscription
    }
}

fn errors(refusal: Refusal) -> String {
    text(refusal.into_errors()).to_string()
}

/// The schema in the schema definition language.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions().include_specified_by().use_space_ident();
    schema().sdl_with_options(options)
}

fn schema() -> Schema {
    Schema::build(Query, Mutation, Subscription_)
        .limit_depth(limits::DEPTH_MAX)
        .limit_complexity(limits::COMPLEXITY_MAX)
        .finish()
}
