//! Refuses documents around the library's validation, before anything is read for them.
//!
//! A document that is valid whatever its variables are is validated once. The library adds up what a query costs while
//! it validates; this decides, for every transport, how much it may cost, and whether its reader may ask for the
//! schema. A refusal goes through the library as an error's source.

use std::sync::Arc;

use async_graphql::{
    ServerError, ValidationResult,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation},
};

use crate::{
    access::Role,
    graphql::{
        limits::{Introspection, Limits},
        request::{
            documents::Parsed,
            exceeded::{Exceeded, Limit},
        },
        scope::Scope,
    },
};

/// Why a valid document is not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum Barred {
    /// It costs too much.
    Costs(Exceeded),
    /// It asks for the schema, and its reader may not.
    Schema,
}

/// The library's verdict on a document, once a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::graphql) struct Valid(pub(in crate::graphql) ValidationResult);

/// Asks the library only for its verdict on a document: [`Valid`] comes back as an error's source.
pub(in crate::graphql) struct OnlyValidate;

/// Looks at each document after the library's validation.
pub(in crate::graphql) struct Guard {
    limits: Arc<Limits>,
}

impl Guard {
    pub(in crate::graphql) fn new(limits: Arc<Limits>) -> Guard {
        Guard { limits }
    }

    fn shows_schema_to(&self, role: Option<Role>) -> bool {
        match self.limits.introspection {
            Introspection::Everyone => true,
            Introspection::Admins => role == Some(Role::Admin),
            Introspection::Nobody => false,
        }
    }
}

impl ExtensionFactory for Guard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Guard { limits: Arc::clone(&self.limits) })
    }
}

#[async_trait]
impl Extension for Guard {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let document = ctx.data_opt::<Arc<Parsed>>();
        let asks_for_schema = document.is_some_and(|document| document.asks_for_schema.0);
        // Before the validation, whose errors would give the schema away.
        if asks_for_schema && !self.shows_schema_to(ctx.data_opt::<Scope>().map(Scope::role)) {
            return Err(vec![sourced(Barred::Schema)]);
        }
        let known = ctx.data_opt::<Valid>().map(|Valid(valid)| *valid);
        let valid = match known.or_else(|| document.and_then(|document| document.known_valid())) {
            Some(valid) => valid,
            None => {
                let valid = next.run(ctx).await?;
                document.inspect(|document| document.is_valid(valid));
                valid
            }
        };
        let max = self.limits.complexity_max as usize;
        if valid.complexity > max {
            let exceeded = Exceeded { limit: Limit::Complexity, asked: valid.complexity, max };
            return Err(vec![sourced(Barred::Costs(exceeded))]);
        }
        if ctx.data_opt::<OnlyValidate>().is_some() {
            return Err(vec![sourced(Valid(valid))]);
        }
        document.inspect(|document| document.is_executed());
        Ok(valid)
    }
}

fn sourced(source: impl Send + Sync + 'static) -> ServerError {
    ServerError { source: Some(Arc::new(source)), ..ServerError::new("not executed", None) }
}
