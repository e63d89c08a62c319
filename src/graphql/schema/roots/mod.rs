//! Where a document begins: `Query`, `Mutation` and `Subscription`.

pub(in crate::graphql) mod query;
pub(in crate::graphql) mod mutation;
pub(in crate::graphql) mod subscription;
