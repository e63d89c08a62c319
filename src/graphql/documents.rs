//! Documents that were parsed and bounded: clients send the same few all the time, with other variables.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::parser::{parse_query, types::ExecutableDocument};

use super::{
    limits::{self, AsksForSchema, Limits},
    refusal::Refusal,
};

/// Documents at hand. When there are more, all go: a client that never sends the same twice costs the others a parse.
const DOCUMENTS_MAX: usize = 256;
/// A longer one is parsed each time.
const DOCUMENT_BYTES_MAX: usize = 4 << 10;

/// A document within the limits.
pub(super) struct Parsed {
    pub(super) document: ExecutableDocument,
    pub(super) asks_for_schema: AsksForSchema,
}

/// Documents by their text. They are the same for every reader: who may execute what is decided later.
#[derive(Default)]
pub(super) struct Documents(Mutex<HashMap<String, Arc<Parsed>>>);

impl Documents {
    /// Parses a document and holds it against the limits, or finds it.
    pub(super) fn parse(&self, text: &str, limits: &Limits) -> Result<Arc<Parsed>, Refusal> {
        if let Some(parsed) = self.known().get(text) {
            return Ok(Arc::clone(parsed));
        }
        limits::check_length(limits, text)?;
        let document = parse_query(text)?;
        let asks_for_schema = limits::check_document(limits, &document)?;
        let parsed = Arc::new(Parsed { document, asks_for_schema });
        if text.len() <= DOCUMENT_BYTES_MAX {
            let mut known = self.known();
            if known.len() >= DOCUMENTS_MAX {
                known.clear();
            }
            known.insert(text.to_owned(), Arc::clone(&parsed));
        }
        Ok(parsed)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Parsed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_parsed_once_and_few_are_kept() {
        let (documents, limits) = (Documents::default(), Limits::default());
        let parse = |text: &str| documents.parse(text, &limits).ok().map(|parsed| Arc::as_ptr(&parsed));
        let first = parse("{ __typename }");
        assert!(first.is_some() && parse("{ __typename }") == first);
        assert!(documents.known()["{ __typename }"].document.operations.iter().count() == 1);
        assert!(parse("{").is_none() && parse("{").is_none());
        for number in 0..1_000 {
            assert!(parse(&format!("{{ a{number}: __typename }}")).is_some());
            assert!(documents.known().len() <= DOCUMENTS_MAX);
        }
        let long = format!("{{ __typename{} }}", " ".repeat(DOCUMENT_BYTES_MAX));
        assert!(parse(&long).is_some() && !documents.known().contains_key(&long));
    }
}
