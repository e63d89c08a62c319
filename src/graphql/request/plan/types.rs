//! What the schema says of its types: fields, arguments, and which fragments apply to what.

use async_graphql::{
    OutputType, SubscriptionType,
    parser::types::{BaseType, OperationType, Type},
    registry::{MetaField, MetaInputValue, MetaType, Registry},
};

use crate::graphql::schema::roots::{mutation::Mutation, query::Query, subscription::Subscription_};

/// The schema's types by name. Those of introspection are the library's own and not among them: see [`INTROSPECTION`].
pub(in crate::graphql) struct Types(Registry);

impl Default for Types {
    fn default() -> Types {
        let mut types = Registry::default();
        // As in the schema itself, before a narrower type of ours is taken for all of `Int`.
        <i32 as OutputType>::create_type_info(&mut types);
        <f64 as OutputType>::create_type_info(&mut types);
        Query::create_type_info(&mut types);
        Mutation::create_type_info(&mut types);
        Subscription_::create_type_info(&mut types);
        Types(types)
    }
}

impl Types {
    /// A type by its name.
    pub(in crate::graphql) fn get(&self, name: &str) -> Option<&MetaType> {
        self.0.types.get(name)
    }

    /// The name of an operation's root type.
    pub(super) fn root(operation: OperationType) -> &'static str {
        match operation {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        }
    }

    /// A field of a type.
    pub(super) fn field(&self, parent: Option<&str>, name: &str) -> Option<&MetaField> {
        self.get(parent?)?.field_by_name(name)
    }

    /// The type of a field; `None` where it is unknown, or one of introspection whose value is no object.
    pub(super) fn of_field(&self, parent: Option<&str>, name: &str) -> Option<Type> {
        let parent = parent?;
        let introspected = || INTROSPECTION.iter().find(|(of, field, _)| (*of, *field) == (parent, name));
        match self.field(Some(parent), name) {
            Some(meta) => Type::new(&meta.ty),
            None => introspected().and_then(|(_, _, ty)| Type::new(ty)),
        }
    }

    /// The name of an object type or an interface, where there is one of this name.
    pub(super) fn named<'a>(&'a self, name: &str) -> Option<&'a str> {
        let introspected =
            || INTROSPECTION.into_iter().map(|(_, _, ty)| ty.trim_matches(['[', ']', '!'])).find(|ty| *ty == name);
        self.get(name).map(MetaType::name).or_else(introspected)
    }

    /// Whether a fragment on `condition` applies to every object of the type `object`. A fragment on an unknown type
    /// applies: the validation has refused those that can't.
    pub(super) fn applies(&self, condition: &str, object: Option<&str>) -> bool {
        object.is_none_or(|object| {
            condition == object || self.0.implements.get(object).is_some_and(|them| them.contains(condition))
        })
    }
}

/// The fields of introspection whose values are objects.
const INTROSPECTION: [(&str, &str, &str); 17] = [
    ("Query", "__schema", "__Schema!"),
    ("Query", "__type", "__Type"),
    ("__Schema", "types", "[__Type!]!"),
    ("__Schema", "queryType", "__Type!"),
    ("__Schema", "mutationType", "__Type"),
    ("__Schema", "subscriptionType", "__Type"),
    ("__Schema", "directives", "[__Directive!]!"),
    (TYPE, "fields", "[__Field!]"),
    (TYPE, "interfaces", "[__Type!]"),
    (TYPE, "possibleTypes", "[__Type!]"),
    (TYPE, "enumValues", "[__EnumValue!]"),
    (TYPE, "inputFields", "[__InputValue!]"),
    (TYPE, "ofType", "__Type"),
    ("__Field", "args", "[__InputValue!]!"),
    ("__Field", "type", "__Type!"),
    ("__InputValue", "type", "__Type!"),
    ("__Directive", "args", "[__InputValue!]!"),
];

/// What introspection says of a type.
pub(super) const TYPE: &str = "__Type";

/// Whether deprecated fields are listed too: the library has `Boolean! = false` for it, as the specification of 2025.
pub(super) const INCLUDE_DEPRECATED: &str = "includeDeprecated";

/// Where a value is put in.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) ty: Type,
    pub(super) has_default: bool,
}

impl Slot {
    /// The slot of an argument of introspection.
    pub(super) fn introspected(field: &str, argument: &str) -> Option<Slot> {
        let ty = |ty| Type::new(ty).expect("it is a type");
        match (field, argument) {
            ("__type", "name") => Some(Slot { ty: ty("String!"), has_default: false }),
            (_, INCLUDE_DEPRECATED) => Some(Slot { ty: ty("Boolean!"), has_default: true }),
            _ => None,
        }
    }

    pub(super) fn of(input: &MetaInputValue) -> Option<Slot> {
        Some(Slot { ty: Type::new(&input.ty)?, has_default: input.default_value.is_some() })
    }

    /// The items' slot, where this is one of a list; otherwise this one, for one value stands for a list of it.
    pub(super) fn item(&self) -> Slot {
        match &self.ty.base {
            BaseType::List(item) => Slot { ty: (**item).clone(), has_default: false },
            BaseType::Named(_) => Slot { has_default: false, ..self.clone() },
        }
    }
}

/// The name within a type's lists.
pub(super) fn innermost(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => innermost(item),
    }
}
