//! The documents that the library validates, where it would refuse a valid one.
//!
//! It (7.2.1) refuses a nullable variable where no null may be, although the place has a default; it takes the fields of
//! two fragments without a type for fields of the same objects; it doesn't see a variable in a directive of `__typename`;
//! and it wants values for the variables of operations that are not executed.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_graphql::{
    Name, Positioned, Value as ConstValue,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, InlineFragment, OperationDefinition, Selection, SelectionSet,
            TypeCondition,
        },
    },
    registry::{MetaInputValue, MetaType},
};
use async_graphql_value::Value;

use crate::graphql::request::plan::types::{INCLUDE_DEPRECATED, Slot, Types, innermost};

/// The document to validate in place of this one; `None`: this one.
pub(in crate::graphql) fn repaired(types: &Types, document: &ExecutableDocument) -> Option<ExecutableDocument> {
    let mut repairing = Repairing { types, changed: false, defaults: BTreeMap::new() };
    let mut whole = document.clone();
    for fragment in whole.fragments.values_mut() {
        let on = fragment.node.type_condition.node.on.node.clone();
        repairing.set(Some(&on), &mut fragment.node.selection_set.node);
    }
    let mut operations: Vec<&mut OperationDefinition> = match &mut whole.operations {
        DocumentOperations::Single(only) => vec![&mut only.node],
        DocumentOperations::Multiple(them) => them.values_mut().map(|operation| &mut operation.node).collect(),
    };
    for operation in &mut operations {
        let root = Name::new(Types::root(operation.ty));
        repairing.set(Some(&root), &mut operation.selection_set.node);
    }
    for operation in operations {
        repairing.declare(operation);
    }
    repairing.changed.then_some(whole)
}

/// The document of one operation of several, with the fragments that no operation spreads; where none is chosen, all of it.
pub(in crate::graphql) fn of_chosen(document: &ExecutableDocument, chosen: Option<&str>) -> ExecutableDocument {
    let operations = || document.operations.iter().filter_map(|(name, operation)| Some((name?, operation)));
    let Some((name, operation)) = operations().find(|(name, _)| Some(name.as_str()) == chosen) else {
        return document.clone();
    };
    let mut of_chosen = alone(document, name, operation);
    let mut spread = HashSet::new();
    operations().for_each(|(_, other)| gather(document, &other.node.selection_set.node, &mut spread));
    let unspread = document.fragments.iter().filter(|(fragment, _)| !spread.contains(*fragment));
    of_chosen.fragments.extend(unspread.map(|(name, fragment)| (name.clone(), fragment.clone())));
    of_chosen
}

/// The documents of the others, each made when the one before it is no longer needed; where none is chosen, there are
/// no others.
pub(in crate::graphql) fn of_others<'a>(
    document: &'a ExecutableDocument,
    chosen: Option<&'a str>,
) -> impl Iterator<Item = ExecutableDocument> + 'a {
    let others = document.operations.iter().filter_map(move |(name, operation)| {
        let name = name.filter(|name| chosen.is_some_and(|chosen| name.as_str() != chosen))?;
        Some((name, operation))
    });
    others.map(|(name, operation)| alone(document, name, operation))
}

/// The document of one operation, with the fragments that it spreads.
fn alone(
    document: &ExecutableDocument,
    name: &Name,
    operation: &Positioned<OperationDefinition>,
) -> ExecutableDocument {
    let mut spread = HashSet::new();
    gather(document, &operation.node.selection_set.node, &mut spread);
    let fragments = document.fragments.iter().filter(|(fragment, _)| spread.contains(*fragment));
    let fragments = fragments.map(|(name, fragment)| (name.clone(), fragment.clone())).collect();
    let operations = DocumentOperations::Multiple(HashMap::from([(name.clone(), operation.clone())]));
    ExecutableDocument { operations, fragments }
}

/// The fragments that a selection spreads, and those that they spread.
fn gather<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet, spread: &mut HashSet<&'a Name>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => gather(document, &field.node.selection_set.node, spread),
            Selection::InlineFragment(fragment) => gather(document, &fragment.node.selection_set.node, spread),
            Selection::FragmentSpread(fragment) => {
                let name = &fragment.node.fragment_name.node;
                if spread.insert(name)
                    && let Some(fragment) = document.fragments.get(name)
                {
                    gather(document, &fragment.node.selection_set.node, spread);
                }
            }
        }
    }
}

struct Repairing<'a> {
    types: &'a Types,
    changed: bool,
    /// The defaults of places where no null may be, by the variables that stand there.
    defaults: BTreeMap<Name, String>,
}

impl Repairing<'_> {
    fn set(&mut self, parent: Option<&Name>, set: &mut SelectionSet) {
        for selection in &mut set.items {
            self.unhide(parent, selection);
            match &mut selection.node {
                Selection::Field(field) => {
                    let meta = self.types.field(parent.map(Name::as_str), &field.node.name.node);
                    for (name, value) in &field.node.arguments {
                        let input = meta.and_then(|meta| meta.args.get(name.node.as_str()));
                        input.inspect(|input| self.value(input, &value.node));
                        if let Value::Variable(variable) = &value.node
                            && meta.is_none()
                            && name.node == INCLUDE_DEPRECATED
                        {
                            self.defaults.entry(variable.clone()).or_insert_with(|| "false".to_owned());
                        }
                    }
                    let below = self.types.of_field(parent.map(Name::as_str), &field.node.name.node);
                    let below = below.as_ref().map(|ty| Name::new(innermost(ty)));
                    self.set(below.as_ref(), &mut field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    let pos = fragment.pos;
                    let fragment = &mut fragment.node;
                    if fragment.type_condition.is_none()
                        && let Some(parent) = parent
                    {
                        self.changed = true;
                        let on = TypeCondition { on: Positioned::new(parent.clone(), pos) };
                        fragment.type_condition = Some(Positioned::new(on, pos));
                    }
                    let on = fragment.type_condition.as_ref().map(|condition| condition.node.on.node.clone());
                    self.set(on.as_ref(), &mut fragment.selection_set.node);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Puts a `__typename` with directives into a fragment with them.
    fn unhide(&mut self, parent: Option<&Name>, selection: &mut Positioned<Selection>) {
        let pos = selection.pos;
        let Selection::Field(field) = &mut selection.node else { return };
        if field.node.name.node != "__typename" || field.node.directives.is_empty() {
            return;
        }
        self.changed = true;
        let directives = std::mem::take(&mut field.node.directives);
        let items = vec![Positioned::new(Selection::Field(field.clone()), pos)];
        let condition = |on: &Name| Positioned::new(TypeCondition { on: Positioned::new(on.clone(), pos) }, pos);
        let fragment = InlineFragment {
            type_condition: parent.map(condition),
            directives,
            selection_set: Positioned::new(SelectionSet { items }, pos),
        };
        selection.node = Selection::InlineFragment(Positioned::new(fragment, pos));
    }

    fn value(&mut self, input: &MetaInputValue, value: &Value) {
        let Some(slot) = Slot::of(input) else { return };
        match value {
            Value::Variable(name) => {
                if let Some(default) = &input.default_value
                    && !slot.ty.nullable
                {
                    self.defaults.entry(name.clone()).or_insert_with(|| default.clone());
                }
            }
            Value::List(values) => values.iter().for_each(|value| self.within(&slot, value)),
            value => self.within(&slot, value),
        }
    }

    fn within(&mut self, slot: &Slot, value: &Value) {
        if let Value::Object(fields) = value
            && let Some(MetaType::InputObject { input_fields, .. }) = self.types.get(innermost(&slot.ty))
        {
            for (name, value) in fields {
                input_fields.get(name.as_str()).inspect(|input| self.value(input, value));
            }
        }
    }

    /// Gives nullable variables without a default, or with null as theirs, the defaults of the places where they stand.
    fn declare(&mut self, operation: &mut OperationDefinition) {
        for declared in &mut operation.variable_definitions {
            let pos = declared.pos;
            let declared = &mut declared.node;
            if declared.var_type.node.nullable
                && declared.default_value.as_ref().is_none_or(|default| default.node == ConstValue::Null)
                && let Some(default) = self.defaults.get(&declared.name.node)
            {
                self.changed = true;
                declared.default_value = read(default).map(|value| Positioned::new(value, pos));
            }
        }
    }
}

/// A default as the schema writes it.
fn read(default: &str) -> Option<ConstValue> {
    let document = parse_query(format!("query($it: Int = {default}) {{ it }}")).ok()?;
    let (_, operation) = document.operations.iter().next()?;
    operation.node.variable_definitions.first()?.node.default_value.as_ref().map(|value| value.node.clone())
}
