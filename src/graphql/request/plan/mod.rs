//! What the library executes in place of a document, so that the answer is as the specification says.
//!
//! A valid document and the values of its variables come in; one operation goes out in which every field stands once,
//! without fragments and directives, and without arguments that were left out. The library (7.2.1) reads no variable's
//! default in `@include` and `@skip`, makes null of a variable that is left out where the argument has a default,
//! answers null where nothing is selected, executes a field as often as it is named, and leaves fields out of an object
//! that can't be null and failed. So its answer is finished by the same plan.

mod types;
mod repaired;
mod arguments;
mod collect;
mod planner;
mod finish;

use std::collections::{BTreeMap, HashMap};

use async_graphql::{
    ErrorExtensionValues, Name, Pos, Positioned, ServerError, Variables,
    parser::types::{
        DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, Type, VariableDefinition,
    },
};

pub(in crate::graphql) use repaired::{of_chosen, of_others, repaired};
pub(in crate::graphql) use types::Types;

use planner::Planner;

/// How one operation is executed, for all variables that give it the same shape.
pub(in crate::graphql) struct Plan {
    operation_name: Option<String>,
    /// `None` where it is executed as it was sent.
    document: Option<ExecutableDocument>,
    root: Set,
    /// The only field at the top, where there is just one and it is not of introspection.
    only_field: Option<Field>,
    /// The variables that the plan depends on.
    consulted: BTreeMap<Name, State>,
    /// Two fields of one name in the answer that are not the same field.
    conflict: Option<ServerError>,
}

/// The state of a variable that a plan depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LeftOut,
    Null,
    True,
    False,
    Other,
}

/// The fields of an object, as they are answered.
#[derive(Default)]
struct Set {
    fields: Vec<Planned>,
    /// Why no object can be answered with them.
    fault: Option<Fault>,
    /// Whether the library's answer differs even where nothing fails.
    differs: bool,
    /// Under which key the answer has a type's kind, where it is asked for its interfaces: for an interface that has none
    /// the library says null. It is taken out again.
    kind: Option<Name>,
}

/// A field of an object.
struct Planned {
    key: Name,
    name: Name,
    /// `None`: it doesn't fail, as one of introspection.
    ty: Option<Type>,
    below: Below,
    /// Why it is not executed.
    fault: Option<Fault>,
}

/// What is asked of a field's value.
enum Below {
    Nothing,
    Object(Set),
    /// By the object's type, which the answer has under a key that is taken out again.
    Several {
        key: Name,
        sets: Vec<(String, Set)>,
    },
}

/// A null where none may be, which only the variables' values can show.
#[derive(Clone, Debug)]
pub(in crate::graphql) struct Fault {
    message: String,
    pos: Pos,
}

impl Fault {
    /// The error of the field that it is about.
    pub(in crate::graphql) fn error(&self) -> ServerError {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", "BAD_USER_INPUT");
        ServerError { extensions: Some(extensions), ..ServerError::new(self.message.clone(), Some(self.pos)) }
    }
}

impl Plan {
    /// The plan of an operation of a document within the limits. It is made before the document is found valid: what
    /// it makes of another one is of no use and does no harm.
    pub(in crate::graphql) fn of(
        types: &Types,
        document: &ExecutableDocument,
        (operation_name, operation): (Option<&str>, &OperationDefinition),
        variables: &Variables,
        is_repaired: bool,
    ) -> Plan {
        let mut planner = Planner {
            types,
            document,
            declared: Declared::by(operation),
            variables,
            consulted: BTreeMap::new(),
            changed: is_repaired,
            conflict: None,
        };
        let set = &operation.selection_set;
        let (root, items) = planner.set(Some(Types::root(operation.ty)), &[&set.node], set.pos);
        let Planner { consulted, changed, conflict, .. } = planner;
        let only_field = match items.items.as_slice() {
            [Positioned { node: Selection::Field(only), .. }] if !only.node.name.node.starts_with("__") => {
                Some(only.node.clone())
            }
            _ => None,
        };
        let document = changed.then(|| {
            let executed = OperationDefinition {
                ty: operation.ty,
                variable_definitions: operation.variable_definitions.clone(),
                directives: Vec::new(),
                selection_set: Positioned::new(items, set.pos),
            };
            let operations = DocumentOperations::Single(Positioned::new(executed, set.pos));
            ExecutableDocument { operations, fragments: Default::default() }
        });
        Plan { operation_name: operation_name.map(str::to_owned), document, root, only_field, consulted, conflict }
    }

    /// Whether it is the plan of this operation with these variables.
    pub(in crate::graphql) fn fits(
        &self,
        operation_name: Option<&str>,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> bool {
        if self.operation_name.as_deref() != operation_name {
            return false;
        }
        if self.consulted.is_empty() {
            return true;
        }
        let declared = Declared::by(operation);
        self.consulted.iter().all(|(name, state)| declared.state(variables, name) == *state)
    }

    /// What is executed in place of what was sent; `None`: the same.
    pub(in crate::graphql) fn document(&self) -> Option<&ExecutableDocument> {
        self.document.as_ref()
    }

    /// Two fields that the answer would have under the same name.
    pub(in crate::graphql) fn conflict(&self) -> Option<&ServerError> {
        self.conflict.as_ref()
    }

    /// The only field at the top, as of a subscription, where there is just one and it is not of introspection.
    pub(in crate::graphql) fn only_field(&self) -> Option<&Field> {
        self.only_field.as_ref()
    }

    /// Why nothing at the top can be executed.
    pub(in crate::graphql) fn fault(&self) -> Option<&Fault> {
        self.root.fault.as_ref().or_else(|| self.root.fields.iter().find_map(|field| field.fault.as_ref()))
    }
}

/// An operation's declarations of variables, by name: a document may have thousands, and use each as often.
struct Declared<'a>(HashMap<&'a str, &'a VariableDefinition>);

impl<'a> Declared<'a> {
    fn by(operation: &'a OperationDefinition) -> Declared<'a> {
        let mut declared = HashMap::with_capacity(operation.variable_definitions.len());
        for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
            declared.entry(definition.name.node.as_str()).or_insert(definition);
        }
        Declared(declared)
    }

    fn is_nullable(&self, name: &str) -> bool {
        self.0.get(name).is_none_or(|declared| declared.var_type.node.nullable)
    }

    /// The state of a variable, with its own default.
    fn state(&self, variables: &Variables, name: &str) -> State {
        use async_graphql::Value;

        let default = || self.0.get(name)?.default_value.as_ref().map(|value| &value.node);
        match variables.get(name).or_else(default) {
            None => State::LeftOut,
            Some(Value::Null) => State::Null,
            Some(Value::Boolean(true)) => State::True,
            Some(Value::Boolean(false)) => State::False,
            Some(_) => State::Other,
        }
    }
}

impl Planned {
    fn differs(&self) -> bool {
        self.fault.is_some()
            || match &self.below {
                Below::Nothing => false,
                Below::Object(set) => set.differs,
                Below::Several { .. } => true,
            }
    }
}
