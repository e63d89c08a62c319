//! The fields that a selection asks of an object, each with all its places in the document: the specification's
//! `CollectFields`.

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned, ServerError,
    indexmap::IndexMap,
    parser::types::{Directive, Field, Selection, SelectionSet},
};
use async_graphql_value::Value;

use crate::graphql::request::plan::{Fault, State, planner::Planner};

/// The fields by their names in the answer, in its order.
pub(super) type Groups<'a> = IndexMap<&'a Name, Vec<&'a Positioned<Field>>>;

impl<'a> Planner<'a> {
    /// Collects the fields of all the sets for an object of the type `parent`.
    pub(super) fn collect(&mut self, parent: Option<&str>, sets: &[&'a SelectionSet]) -> Result<Groups<'a>, Fault> {
        let (mut groups, mut spread) = (Groups::new(), HashSet::new());
        for set in sets {
            self.collect_set(parent, set, &mut spread, &mut groups)?;
        }
        Ok(groups)
    }

    fn collect_set(
        &mut self,
        parent: Option<&str>,
        set: &'a SelectionSet,
        spread: &mut HashSet<&'a Name>,
        groups: &mut Groups<'a>,
    ) -> Result<(), Fault> {
        for selection in &set.items {
            // A fragment that is spread again adds nothing, whatever its directives say.
            let is_known = matches!(&selection.node,
                Selection::FragmentSpread(fragment) if spread.contains(&fragment.node.fragment_name.node));
            self.changed |= is_known;
            if is_known || !self.includes(selection.node.directives())? {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => self.add(field, groups),
                Selection::InlineFragment(fragment) => {
                    self.changed = true;
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.types.applies(&condition.node.on.node, parent)) {
                        self.collect_set(parent, &fragment.node.selection_set.node, spread, groups)?;
                    }
                }
                Selection::FragmentSpread(fragment) => {
                    self.changed = true;
                    let name = &fragment.node.fragment_name.node;
                    spread.insert(name);
                    if let Some(fragment) = self.document.fragments.get(name)
                        && self.types.applies(&fragment.node.type_condition.node.on.node, parent)
                    {
                        self.collect_set(parent, &fragment.node.selection_set.node, spread, groups)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, field: &'a Positioned<Field>, groups: &mut Groups<'a>) {
        let key = &field.node.response_key().node;
        let group = groups.entry(key).or_default();
        if let Some(first) = group.first() {
            self.changed = true;
            if !is_same(&first.node, &field.node) {
                let message =
                    format!("Fields \"{key}\" conflict: they are different fields, or have different arguments.");
                let locations = vec![first.pos, field.pos];
                self.conflict.get_or_insert_with(|| ServerError { locations, ..ServerError::new(message, None) });
            }
        }
        group.push(field);
    }

    /// Whether the directives leave it in.
    fn includes(&mut self, directives: &[Positioned<Directive>]) -> Result<bool, Fault> {
        self.changed |= !directives.is_empty();
        Ok(!self.says(directives, "skip", false)? && self.says(directives, "include", true)?)
    }

    /// What the directive of this name says; `absent` where there is none.
    fn says(&mut self, directives: &[Positioned<Directive>], name: &str, absent: bool) -> Result<bool, Fault> {
        let Some(directive) = directives.iter().find(|directive| directive.node.name.node == name) else {
            return Ok(absent);
        };
        let Some(condition) = directive.node.get_argument("if") else { return Ok(absent) };
        let state = match &condition.node {
            Value::Variable(variable) => self.consult(variable),
            Value::Boolean(true) => State::True,
            Value::Boolean(false) => State::False,
            _ => State::Other,
        };
        match state {
            State::True => Ok(true),
            State::False => Ok(false),
            State::LeftOut | State::Null | State::Other => {
                let message = format!("The argument `if` of `@{name}` needs a value that is not null.");
                Err(Fault { message, pos: condition.pos })
            }
        }
    }
}

/// Whether two fields are the same with the same arguments.
fn is_same(one: &Field, other: &Field) -> bool {
    one.name.node == other.name.node
        && one.arguments.len() == other.arguments.len()
        && one
            .arguments
            .iter()
            .all(|(name, value)| other.get_argument(&name.node).is_some_and(|there| there.node == value.node))
}
