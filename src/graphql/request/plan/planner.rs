//! Makes a plan: the fields of each object, and what the library executes for them.

use std::collections::BTreeMap;

use async_graphql::{
    Name, Pos, Positioned, ServerError, Variables,
    parser::types::{ExecutableDocument, Field, InlineFragment, Selection, SelectionSet, Type, TypeCondition},
};

use crate::graphql::request::plan::{
    Below, Declared, Fault, Planned, Set, State, Types,
    arguments::Coerced,
    types::{Slot, TYPE, innermost},
};

/// An operation that is being planned.
pub(super) struct Planner<'a> {
    pub(super) types: &'a Types,
    pub(super) document: &'a ExecutableDocument,
    pub(super) declared: Declared<'a>,
    pub(super) variables: &'a Variables,
    pub(super) consulted: BTreeMap<Name, State>,
    /// Whether the library executes something else than what was sent.
    pub(super) changed: bool,
    pub(super) conflict: Option<ServerError>,
}

impl<'a> Planner<'a> {
    /// Looks at a variable: another value may make another plan.
    pub(super) fn consult(&mut self, name: &Name) -> State {
        let state = self.declared.state(self.variables, name);
        self.consulted.insert(name.clone(), state);
        state
    }

    /// The fields of the answer for an object of the type `parent`, and what is executed for it.
    pub(super) fn set(&mut self, parent: Option<&'a str>, sets: &[&'a SelectionSet], pos: Pos) -> (Set, SelectionSet) {
        let mut set = Set::default();
        let mut items = Vec::new();
        match self.collect(parent, sets) {
            Err(fault) => set.fault = Some(fault),
            Ok(groups) => {
                for (key, group) in groups {
                    let (planned, executed) = self.field(parent, key, &group);
                    set.differs |= planned.differs();
                    set.fields.push(planned);
                    items.extend(executed);
                }
            }
        }
        if parent == Some(TYPE)
            && let Some(interfaces) = items.iter().find(|item| is_field(item, "interfaces"))
        {
            let (kind, pos) = (free_key("__kind", std::iter::once(&set)), interfaces.pos);
            items.push(leaf(kind.clone(), "kind", pos));
            self.changed = true;
            set.differs = true;
            set.kind = Some(kind);
        }
        if items.is_empty() {
            // The library would answer null.
            self.changed = true;
            set.differs = true;
            items.push(typename(Name::new("__typename"), pos));
        }
        (set, SelectionSet { items })
    }

    /// One field, that the document names once or several times.
    fn field(
        &mut self,
        parent: Option<&'a str>,
        key: &Name,
        group: &[&'a Positioned<Field>],
    ) -> (Planned, Option<Positioned<Selection>>) {
        let first = group[0];
        let name = first.node.name.node.clone();
        let meta = self.types.field(parent, &name);
        let ty = self.types.of_field(parent, &name);
        let mut planned = Planned { key: key.clone(), name: name.clone(), ty, below: Below::Nothing, fault: None };
        let mut arguments = Vec::with_capacity(first.node.arguments.len());
        for (argument, value) in &first.node.arguments {
            let slot = match meta {
                Some(meta) => meta.args.get(argument.node.as_str()).and_then(Slot::of),
                None => Slot::introspected(&name, &argument.node),
            };
            match self.argument(slot.as_ref(), &value.node) {
                Coerced::Same => arguments.push((argument.clone(), value.clone())),
                Coerced::Other(other) => arguments.push((argument.clone(), Positioned::new(other, value.pos))),
                Coerced::Nothing => self.changed = true,
                Coerced::Null => {
                    self.changed = true;
                    let message = format!("The argument `{}` needs a value that is not null.", argument.node);
                    planned.fault = Some(Fault { message, pos: value.pos });
                    return (planned, None);
                }
            }
        }
        let sets: Vec<&SelectionSet> = group.iter().map(|field| &field.node.selection_set.node).collect();
        let pos = first.node.selection_set.pos;
        let mut selection_set = SelectionSet::default();
        if sets.iter().any(|set| !set.items.is_empty()) {
            (planned.below, selection_set) = self.below(planned.ty.as_ref(), &sets, pos);
        }
        let executed = Field {
            alias: first.node.alias.clone(),
            name: first.node.name.clone(),
            arguments,
            directives: Vec::new(),
            selection_set: Positioned::new(selection_set, pos),
        };
        (planned, Some(Positioned::new(Selection::Field(Positioned::new(executed, first.pos)), first.pos)))
    }

    /// What is asked of a value of the type `ty`.
    fn below(&mut self, ty: Option<&Type>, sets: &[&'a SelectionSet], pos: Pos) -> (Below, SelectionSet) {
        let meta = ty.and_then(|ty| self.types.get(innermost(ty)));
        let Some(possible) = meta.and_then(|meta| meta.possible_types()) else {
            let parent = ty.and_then(|ty| self.types.named(innermost(ty)));
            let (set, executed) = self.set(parent, sets, pos);
            return (Below::Object(set), executed);
        };
        let (mut planned, mut executed) = (Vec::new(), Vec::new());
        for object in possible {
            let (set, items) = self.set(Some(object), sets, pos);
            planned.push((object.clone(), set));
            executed.push((object, items));
        }
        let key = free_key("__type", planned.iter().map(|(_, set)| set));
        self.changed = true;
        let fragment = |(object, mut items): (&String, SelectionSet)| {
            items.items.push(typename(key.clone(), pos));
            let on = TypeCondition { on: Positioned::new(Name::new(object), pos) };
            let fragment = InlineFragment {
                type_condition: Some(Positioned::new(on, pos)),
                directives: Vec::new(),
                selection_set: Positioned::new(items, pos),
            };
            Positioned::new(Selection::InlineFragment(Positioned::new(fragment, pos)), pos)
        };
        let items = executed.into_iter().map(fragment).collect();
        (Below::Several { key, sets: planned }, SelectionSet { items })
    }
}

fn is_field(selection: &Positioned<Selection>, name: &str) -> bool {
    matches!(&selection.node, Selection::Field(field) if field.node.name.node == name)
}

/// A key that no field of the sets has: this name, or a longer one.
fn free_key<'s>(name: &str, sets: impl Iterator<Item = &'s Set> + Clone) -> Name {
    let mut key = name.to_owned();
    while sets.clone().any(|set| set.fields.iter().any(|field| field.key == key)) {
        key.push('_');
    }
    Name::new(key)
}

/// `key: __typename`.
fn typename(key: Name, pos: Pos) -> Positioned<Selection> {
    leaf(key, "__typename", pos)
}

/// `key: name`.
fn leaf(key: Name, name: &str, pos: Pos) -> Positioned<Selection> {
    let name = Positioned::new(Name::new(name), pos);
    let alias = (key != name.node).then(|| Positioned::new(key, pos));
    let field = Field {
        alias,
        name,
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet::default(), pos),
    };
    Positioned::new(Selection::Field(Positioned::new(field, pos)), pos)
}
