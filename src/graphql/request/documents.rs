//! Documents that were parsed, bounded and found valid: clients send the same few all the time, with other variables.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{
    Name, ValidationResult, Variables,
    parser::{
        parse_query,
        types::{
            BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
            VariableDefinition,
        },
    },
};

use crate::graphql::{
    limits::Limits,
    request::{
        effort::Longest,
        exceeded::{self, AsksForSchema, Found},
        plan::{Plan, Types, of_chosen, of_others, repaired},
        refusal::Refusal,
    },
};

/// Documents at hand. When there are more, we forget all: a client that never sends the same twice costs the others a
/// parse.
const DOCUMENTS_MAX: usize = 256;
/// A longer one is parsed each time.
const DOCUMENT_BYTES_MAX: usize = 4 << 10;
/// A document whose plan has more values is planned each time: fragments make a large plan of a short document.
const PLAN_VALUES_MAX: usize = 2_000;

/// A document within the limits.
pub(in crate::graphql) struct Parsed {
    pub(in crate::graphql) document: ExecutableDocument,
    pub(in crate::graphql) asks_for_schema: AsksForSchema,
    /// How long it took, where it is a query.
    pub(in crate::graphql) longest: Longest,
    /// Whether it is valid, and what it costs, whatever its variables are.
    is_constant: bool,
    /// The most values of arguments that a plan of it has.
    values: usize,
    /// Whether it was found valid, and executed.
    was_executed: AtomicBool,
    valid: OnceLock<ValidationResult>,
    /// The document that the library validates in its place, if any.
    repaired: OnceLock<Option<ExecutableDocument>>,
    /// The plan that was made last.
    plan: Mutex<Option<Arc<Plan>>>,
}

impl Parsed {
    /// The document that the library is to validate for an operation, and those for the others, one after the other.
    pub(in crate::graphql) fn to_validate<'a>(
        &'a self,
        types: &Types,
        operation_name: Option<&'a str>,
    ) -> (ExecutableDocument, impl Iterator<Item = ExecutableDocument> + use<'a>) {
        let document = self.repaired(types).unwrap_or(&self.document);
        let chosen = operation_name.filter(|_| self.has_several_operations());
        (of_chosen(document, chosen), of_others(document, chosen))
    }

    fn has_several_operations(&self) -> bool {
        self.document.operations.iter().len() > 1
    }

    fn repaired(&self, types: &Types) -> Option<&ExecutableDocument> {
        self.repaired.get_or_init(|| repaired(types, &self.document)).as_ref()
    }

    /// How one of its operations is executed with these variables: as the last time, where they ask for the same. The
    /// plan of a document that was never found valid is not kept.
    pub(in crate::graphql) fn plan(
        &self,
        types: &Types,
        (name, operation): (Option<&str>, &OperationDefinition),
        variables: &Variables,
    ) -> Arc<Plan> {
        let last = || self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = &*last()
            && plan.fits(name, operation, variables)
        {
            return Arc::clone(plan);
        }
        let is_repaired = self.has_several_operations() || self.repaired(types).is_some();
        let plan = Arc::new(Plan::of(types, &self.document, (name, operation), variables, is_repaired));
        if self.was_executed.load(Ordering::Relaxed) && self.values <= PLAN_VALUES_MAX {
            *last() = Some(Arc::clone(&plan));
        }
        plan
    }

    /// The result of an earlier validation of the same document, where it would be the same again.
    pub(in crate::graphql) fn known_valid(&self) -> Option<ValidationResult> {
        self.valid.get().copied()
    }

    /// It was found valid.
    pub(in crate::graphql) fn is_valid(&self, valid: ValidationResult) {
        if self.is_constant {
            let _ = self.valid.set(valid);
        }
    }

    /// It is executed: all of it was found valid.
    pub(in crate::graphql) fn is_executed(&self) {
        self.was_executed.store(true, Ordering::Relaxed);
    }
}

/// Whether a document has one operation, and none of its variables' values counts in its validation: costs depend on
/// numbers, lists, and whether a moment is given. That a value is of its declared type is checked at each request; that
/// the type is one for its place is a matter of the document, if it has no default.
fn is_constant(document: &ExecutableDocument) -> bool {
    let is_text = |variable: &VariableDefinition| {
        let named = |name: &str| ["ID", "String"].contains(&name);
        variable.default_value.is_none()
            && matches!(&variable.var_type.node.base, BaseType::Named(name) if named(name.as_str()))
    };
    let mut operations = document.operations.iter();
    operations
        .next()
        .is_some_and(|(_, only)| only.node.variable_definitions.iter().all(|variable| is_text(&variable.node)))
        && operations.next().is_none()
}

/// A subscription's `after` was once a `Position`, and each `Position` is a `Cursor`: a client's document that declares
/// its variable so keeps its meaning.
fn take_positions_for_cursors(document: &mut ExecutableDocument) {
    let subscriptions = match &mut document.operations {
        DocumentOperations::Single(only) => vec![only],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in subscriptions.into_iter().map(|operation| &mut operation.node) {
        if operation.ty != OperationType::Subscription {
            continue;
        }
        let fields = operation.selection_set.node.items.iter().filter_map(|item| match &item.node {
            Selection::Field(field) => field.node.get_argument("after"),
            _ => None,
        });
        let names: HashSet<String> =
            fields.filter_map(|after| Some(after.node.to_string().strip_prefix('$')?.to_owned())).collect();
        for declared in operation.variable_definitions.iter_mut().map(|declared| &mut declared.node) {
            let base = &mut declared.var_type.node.base;
            if names.contains(declared.name.node.as_str()) && *base == BaseType::Named(Name::new("Position")) {
                *base = BaseType::Named(Name::new("Cursor"));
            }
        }
    }
}

/// Documents by their text. They are the same for every reader: rights are checked later.
#[derive(Default)]
pub(in crate::graphql) struct Documents(Mutex<HashMap<String, Arc<Parsed>>>);

impl Documents {
    /// Finds a document, or parses it and checks it against the limits.
    pub(in crate::graphql) fn parse(&self, text: &str, limits: &Limits) -> Result<Arc<Parsed>, Refusal> {
        if let Some(parsed) = self.at_hand(text) {
            return Ok(parsed);
        }
        exceeded::check_length(limits, text)?;
        let mut document = parse_query(text)?;
        take_positions_for_cursors(&mut document);
        let Found { asks_for_schema, values } = exceeded::check_document(limits, &document)?;
        let is_constant = is_constant(&document);
        let parsed = Arc::new(Parsed {
            document,
            asks_for_schema,
            longest: Longest::default(),
            is_constant,
            values,
            was_executed: AtomicBool::new(false),
            valid: OnceLock::new(),
            repaired: OnceLock::new(),
            plan: Mutex::default(),
        });
        if text.len() <= DOCUMENT_BYTES_MAX {
            let mut known = self.known();
            if known.len() >= DOCUMENTS_MAX {
                known.clear();
            }
            known.insert(text.to_owned(), Arc::clone(&parsed));
        }
        Ok(parsed)
    }

    /// A document that is at hand.
    pub(in crate::graphql) fn at_hand(&self, text: &str) -> Option<Arc<Parsed>> {
        self.known().get(text).map(Arc::clone)
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
    #[test]
    fn what_validation_says_is_kept_where_no_variable_counts_in_it() {
        let (documents, limits) = (Documents::default(), Limits::default());
        for (text, is_constant) in [
            ("{ log { digest } }", true),
            ("query Named { log { digest } }", true),
            ("query($id: ID!) { appointment(appointmentId: $id) { status } }", true),
            ("query($id: ID!, $source: String) { appointment(appointmentId: $id, source: $source) { status } }", true),
            ("query($id: ID = 5) { appointment(appointmentId: $id) { status } }", false),
            ("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", false),
            ("query($first: Int) { deliveries(first: $first) { nodes { position } } }", false),
            ("query($asOf: DateTime) { appointments(asOf: $asOf) { nodes { status } } }", false),
            ("query($filter: DeliveryFilter) { deliveries(filter: $filter) { nodes { position } } }", false),
            ("query($yes: Boolean!) { log { digest @include(if: $yes) } }", false),
            ("query One { log { digest } } query Two { log { digest } }", false),
        ] {
            let parsed = documents.parse(text, &limits).ok().unwrap();
            assert!(parsed.known_valid().is_none(), "{text}");
            let valid = ValidationResult { cache_control: Default::default(), complexity: 3, depth: 1 };
            parsed.is_valid(valid);
            assert_eq!(parsed.known_valid().is_some(), is_constant, "{text}");
        }
    }
}
