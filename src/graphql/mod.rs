//! The GraphQL API: one schema over the projection and the log, and its HTTP.
//!
//! An HTTP request and the reader who sent it come in, an HTTP answer goes out; the server carries
//! both. One request sees one snapshot. Every resolver asks its `Scope`, which shows
//! only what the reader may see. This is the only place that names async-graphql.

mod settings;
mod limits;
mod problem;
mod words;
mod scalars;
mod scope;
mod step;
mod schema;
mod request;
mod live;
mod feed;
mod board_csv;

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::SDLExportOptions;

use crate::{
    access::Viewer,
    lifecycle::Lifecycle,
    log::{Clock, Log, SourceName},
    projection::{Deadline, Reader, Rules},
    tracker::{Rebuilds, Tracker},
};

pub use board_csv::BoardCsv;
pub use feed::{Feed, FeedError, FeedItem};
pub use limits::{Introspection, Limits};
pub use live::Events;
pub use request::{
    effort::Effort,
    http::{HttpAnswer, HttpRequest, Method, Question},
};
pub use settings::{LONG_WAIT_MINUTES, SourceSettings, VERY_LONG_WAIT_MINUTES};

use live::Live;
use request::{
    guard::Guard,
    http::{Endpoint, refused, text},
    media_type::MediaType,
    prepare::{Prepared, Transport},
    refusal::Refusal,
};
use schema::{
    Schema,
    roots::{mutation::Mutation, query::Query, subscription::Subscription_},
};
use scope::{Scope, Stores};

/// The API over one projection and its log.
pub struct Graph {
    endpoint: Endpoint,
    stores: Arc<Stores>,
    live: Arc<Live>,
}

/// An operation over a socket, checked and not begun.
pub struct Operation(Prepared);

/// The responses of an operation over a socket.
pub enum Responses {
    /// The JSON of the one response.
    Once(Arc<str>),
    /// The JSON of a response for each event.
    Events(Events),
    /// The JSON of the errors for which it was not executed.
    Refused(String),
}

/// A request among others.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id, in the answer's header and in the log.
    pub request_id: String,
    /// How long its client waits.
    pub deadline: Deadline,
}

/// What a [`Graph`] answers from.
pub struct GraphParts {
    /// Reads the projection.
    pub reader: Reader,
    /// The log.
    pub log: Arc<dyn Log>,
    /// The rules that the projection is folded by.
    pub rules: Arc<Rules>,
    /// The configured sources.
    pub sources: BTreeMap<SourceName, SourceSettings>,
    /// Lifecycles of the configuration's own.
    pub lifecycles: Vec<Lifecycle>,
    /// What one request may ask for.
    pub limits: Limits,
    /// Who writes; `None` where nobody does, and nothing can be rebuilt.
    pub writer: Option<(Tracker, Rebuilds)>,
    /// The clock that gives arrival times.
    pub clock: Clock,
}

impl Graph {
    /// An API over these.
    pub fn new(parts: GraphParts) -> Graph {
        let GraphParts { reader, log, rules, sources, lifecycles, limits, writer, clock } = parts;
        let limits = Arc::new(limits);
        let schema = build_schema(&limits);
        let stores = Stores { reader, log, rules, sources, clock, lifecycles, limits: Arc::clone(&limits), writer };
        let stores = Arc::new(stores);
        let live = Live::new(schema.clone(), Arc::clone(&stores));
        Graph { endpoint: Endpoint::new(schema, limits), stores, live }
    }

    /// How a question is best executed.
    pub fn effort(&self, question: &Question) -> Effort {
        self.endpoint.effort(question)
    }

    /// Answers one HTTP request of `viewer`. Reads from disk: call it where blocking is fine. Log messages about it
    /// have the request's id.
    pub fn answer(&self, question: Question, viewer: Viewer, call: Call) -> HttpAnswer {
        let Call { request_id, deadline } = call;
        let scope = || Scope::new(Arc::clone(&self.stores), viewer.clone()).within(deadline.clone());
        let named = tracing::error_span!("query", request_id).entered();
        let answer = self.endpoint.answer(question, &request_id, |request| request.data(scope()));
        drop(named);
        answer
    }

    /// Rebuilds the projection where somebody has met corruption in it.
    pub fn look_after_projection(&self) {
        if let Some((tracker, _)) = &self.stores.writer
            && self.stores.reader.is_corrupt()
        {
            tracker.repair();
        }
    }

    /// What one request may ask for.
    pub fn limits(&self) -> &Limits {
        self.endpoint.limits()
    }
}

impl Graph {
    /// Whether a request asks for server-sent events; see [`Graph::subscribe`].
    pub fn wants_events(&self, question: &Question) -> bool {
        self.endpoint.wants_events(question)
    }

    /// Begins a subscription of `viewer`: each item is the JSON of a GraphQL response. Where it can't begin, the answer
    /// instead. Reads from disk: call it where blocking is fine, on a thread of the runtime.
    pub fn subscribe(&self, question: Question, viewer: Viewer, request_id: &str) -> Result<Events, HttpAnswer> {
        let prepared = self
            .endpoint
            .check(question, Transport::Events)
            .and_then(|prepared| self.live.begin(prepared, &self.endpoint, viewer, request_id));
        prepared.map_err(|refusal| refused(MediaType::GraphQl, refusal))
    }

    /// Checks an operation over a socket; an error is the JSON of the errors.
    pub fn operation(&self, question: Question) -> Result<Operation, String> {
        self.endpoint.check(question, Transport::Socket).map(Operation).map_err(errors)
    }

    /// Executes or begins it for `viewer`. Reads from disk: call it where blocking is fine, on a thread of the runtime.
    pub fn operate(&self, Operation(prepared): Operation, viewer: Viewer, call: Call) -> Responses {
        let Call { request_id, deadline } = call;
        let _named = tracing::error_span!("query", request_id).entered();
        let told = if prepared.is_subscription {
            self.live.begin(prepared, &self.endpoint, viewer, &request_id).map(Responses::Events)
        } else {
            let scope = || Scope::new(Arc::clone(&self.stores), viewer.clone()).within(deadline.clone());
            self.endpoint.execute(prepared, scope, &request_id).map(Responses::Once)
        };
        told.unwrap_or_else(|refusal| Responses::Refused(errors(refusal)))
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

/// The schema in the schema definition language. As the specification recommends, it leaves out the directives that the
/// specification defines: each is a line with its description before it.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions().include_specified_by().use_space_ident();
    let whole = build_schema(&Arc::default()).sdl_with_options(options);
    let mut lines: Vec<&str> = Vec::new();
    for line in whole.lines() {
        if BUILT_IN_DIRECTIVES.iter().any(|name| line.starts_with(&format!("directive @{name}"))) {
            lines.pop();
        } else {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

const BUILT_IN_DIRECTIVES: [&str; 5] = ["deprecated", "include", "oneOf", "skip", "specifiedBy"];

fn build_schema(limits: &Arc<Limits>) -> Schema {
    let schema = Schema::build(Query, Mutation, Subscription_)
        // The document that the library validates may have one fragment more than the client's, around a `__typename`.
        .limit_recursive_depth(limits.nesting_max() + 1)
        .extension(Guard::new(Arc::clone(limits)));
    // A reader that may not ask for the schema gets no suggestions from it either.
    match limits.introspection {
        Introspection::Everyone => schema.finish(),
        Introspection::Admins | Introspection::Nobody => schema.disable_suggestions().finish(),
    }
}
