//! Checks the values of variables before anything is executed.
//!
//! The library reads a variable where a field uses it, and answers a missing one, or an Int beyond
//! 32 bits, with `data: null` and a path. GraphQL asks for a request error without `data`.

use async_graphql::{
    Value, Variables,
    parser::types::{BaseType, OperationDefinition, Type},
    registry::MetaType,
};

use crate::graphql::request::{plan::Types, refusal::Refusal};

/// Refuses a variable whose value, or whose missing value, is not of its declared type.
pub(in crate::graphql) fn check(
    types: &Types,
    operation: &OperationDefinition,
    values: &Variables,
) -> Result<(), Refusal> {
    for declared in &operation.variable_definitions {
        let (pos, declared) = (declared.pos, &declared.node);
        let name = declared.name.node.as_str();
        let value = values.get(name).or_else(|| declared.default_value());
        if !value.is_some_and(|value| fits(types, &declared.var_type.node, value)) {
            let expected = declared.var_type.node.to_string();
            return Err(Refusal::Variable { name: name.to_owned(), expected, pos });
        }
    }
    Ok(())
}

fn fits(types: &Types, expected: &Type, value: &Value) -> bool {
    match (&expected.base, value) {
        (_, Value::Null) => expected.nullable,
        (BaseType::List(item), Value::List(values)) => values.iter().all(|value| fits(types, item, value)),
        // One value stands for a list of it.
        (BaseType::List(item), value) => fits(types, item, value),
        (BaseType::Named(name), value) => fits_named(types, name, value),
    }
}

fn fits_named(types: &Types, name: &str, value: &Value) -> bool {
    match types.get(name) {
        Some(MetaType::Scalar { is_valid, .. }) => {
            let in_range = name != "Int" || is_int(value);
            in_range && is_valid.as_ref().is_none_or(|is_valid| is_valid(value))
        }
        Some(MetaType::Enum { enum_values, .. }) => match value {
            Value::String(name) => enum_values.contains_key(name),
            Value::Enum(name) => enum_values.contains_key(name.as_str()),
            _ => false,
        },
        Some(MetaType::InputObject { input_fields, .. }) => {
            let Value::Object(values) = value else { return false };
            let known = values.keys().all(|name| input_fields.contains_key(name.as_str()));
            known
                && input_fields.iter().all(|(name, field)| match (values.get(name.as_str()), Type::new(&field.ty)) {
                    (Some(value), Some(expected)) => fits(types, &expected, value),
                    (None, Some(expected)) => expected.nullable || field.default_value.is_some(),
                    (_, None) => false,
                })
        }
        // Not an input type: the schema's validation says so.
        Some(MetaType::Object { .. } | MetaType::Interface { .. } | MetaType::Union { .. }) | None => true,
    }
}

/// The library's own check takes 64 bits.
fn is_int(value: &Value) -> bool {
    matches!(value, Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()))
}
