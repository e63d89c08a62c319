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
mod explanation;
mod delivery;
mod connection;
mod place;
mod lifecycle;
mod log_status;
mod words;
mod scalars;
mod problem;

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{EmptyMutation, EmptySubscription, SDLExportOptions};

use crate::{
    log::{Clock, Log, SourceName},
    projection::{Reader, Rules, StaleRules},
};

pub use http::{HttpAnswer, HttpRequest, Method};
pub use readers::{ReaderAccess, Readers, Role, Viewer};

use http::Endpoint;
use query::Query;
use scope::{Scope, Stores};

type Schema = async_graphql::Schema<Query, EmptyMutation, EmptySubscription>;

/// The API over one projection and its log.
pub struct Graph {
    endpoint: Endpoint,
    stores: Arc<Stores>,
}

impl Graph {
    /// An API that reads here; `sources` are the configured ones and when their appointments count as stale, and `clock` is the one that gives arrival times.
    pub fn new(
        reader: Reader,
        log: Arc<dyn Log>,
        rules: Arc<Rules>,
        sources: BTreeMap<SourceName, StaleRules>,
        clock: Clock,
    ) -> Graph {
        let configured_sources = sources.keys().cloned().collect();
        let stores = Stores { reader, log, rules, stale: sources, configured_sources, clock };
        Graph { endpoint: Endpoint::new(schema()), stores: Arc::new(stores) }
    }

    /// Answers one HTTP request of `viewer`. Reads from disk: call it where blocking is fine.
    pub fn answer(&self, request: HttpRequest<'_>, viewer: Viewer) -> HttpAnswer {
        let scope = Scope::new(self.stores.clone(), viewer);
        self.endpoint.answer(&request, |request| request.data(scope))
    }
}

/// The schema in the schema definition language.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions().include_specified_by().use_space_ident();
    schema().sdl_with_options(options)
}

fn schema() -> Schema {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .limit_depth(limits::DEPTH_MAX)
        .limit_complexity(limits::COMPLEXITY_MAX)
        .finish()
}
