//! How much one request may ask for, and who may ask for the schema: numbers that the configuration sets, and a few that it
//! does not.

use std::time::Duration;

/// Bytes of bodies and event types, as senders sent them, that one answer reads and holds.
pub(in crate::graphql) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Bytes of one answer's JSON, or of one event's of a subscription.
pub(in crate::graphql) const RESPONSE_BYTES_MAX: usize = 32 << 20;

/// Nested fields and fragments for each level of fields that [`Limits::depth_max`] allows.
const NESTING_OF_A_LEVEL: usize = 2;

/// What one request may ask for. `[graphql]` of the configuration sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep fields may nest. The introspection query of graphql-js 17 needs 16.
    pub depth_max: u32,
    /// The most fields that an answer may have, where a page counts as full. 500 deliveries with
    /// all their fields are about 10,000; the introspection query of graphql-js 17 is 300.
    pub complexity_max: u32,
    /// The most aliases.
    pub aliases_max: u32,
    /// The most directives.
    pub directives_max: u32,
    /// The most fields and fragments, where a fragment counts at each spread.
    pub selections_max: u32,
    /// The most bytes of a document.
    pub document_bytes_max: u32,
    /// The most bytes of a POST's body.
    pub body_bytes_max: u32,
    /// The most items of a page.
    pub page_max: u32,
    /// How long a query may take, from the end of its request, waiting for a thread included.
    pub execution_timeout: Duration,
    /// Who may ask for the schema.
    pub introspection: Introspection,
}

/// Who may ask for the schema: by introspection, and at `/schema.graphql`. Other readers get no suggestions either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Introspection {
    /// Every reader; and `/schema.graphql` is for everybody.
    #[default]
    Everyone,
    /// Readers with the role `admin`.
    Admins,
    /// Nobody.
    Nobody,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            depth_max: 20,
            complexity_max: 50_000,
            aliases_max: 50,
            directives_max: 50,
            selections_max: 2_000,
            document_bytes_max: 64 << 10,
            body_bytes_max: 64 << 10,
            page_max: 500,
            execution_timeout: Duration::from_secs(10),
            introspection: Introspection::default(),
        }
    }
}

impl Limits {
    /// How deep fields and fragments together may nest.
    pub(in crate::graphql) fn nesting_max(&self) -> usize {
        self.depth_max as usize * NESTING_OF_A_LEVEL
    }
}
