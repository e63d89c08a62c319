//! The types of the schema: each is made from what the projection and the log hold, within what its reader may see.

pub(in crate::graphql) mod lists;
pub(in crate::graphql) mod cost;
pub(in crate::graphql) mod reader;
pub(in crate::graphql) mod source;
pub(in crate::graphql) mod lifecycle;
pub(in crate::graphql) mod log_status;
pub(in crate::graphql) mod explanation;
pub(in crate::graphql) mod delivery;
pub(in crate::graphql) mod appointment;
pub(in crate::graphql) mod board;
pub(in crate::graphql) mod board_change;
pub(in crate::graphql) mod change;
pub(in crate::graphql) mod flow;
pub(in crate::graphql) mod rejections;
pub(in crate::graphql) mod roots;

use roots::{mutation::Mutation, query::Query, subscription::Subscription_};

/// The schema, which executes documents.
pub(super) type Schema = async_graphql::Schema<Query, Mutation, Subscription_>;
