//! The request's side: HTTP, documents, variables and limits, up to a request that may be executed, and the answer's
//! errors.

pub(in crate::graphql) mod exceeded;
pub(in crate::graphql) mod plan;
pub(in crate::graphql) mod media_type;
pub(in crate::graphql) mod refusal;
pub(in crate::graphql) mod variables;
pub(in crate::graphql) mod effort;
pub(in crate::graphql) mod documents;
pub(in crate::graphql) mod guard;
pub(in crate::graphql) mod params;
pub(in crate::graphql) mod errors;
pub(in crate::graphql) mod prepare;
pub(in crate::graphql) mod http;
