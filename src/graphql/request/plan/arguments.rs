//! What an argument's value is once its variables are known: the specification's `CoerceArgumentValues`.

use async_graphql::{Name, registry::MetaType};
use async_graphql_value::Value;

use crate::graphql::request::plan::{
    State,
    planner::Planner,
    types::{Slot, innermost},
};

/// What becomes of a value.
pub(super) enum Coerced {
    /// It stays as it was written: the library reads it as the specification does.
    Same,
    /// It is another.
    Other(Value),
    /// It is left out.
    Nothing,
    /// It is null where none may be.
    Null,
}

impl Planner<'_> {
    /// The value that is put into `slot`; the validation has refused values of other types.
    pub(super) fn argument(&mut self, slot: Option<&Slot>, value: &Value) -> Coerced {
        match value {
            Value::Variable(name) => self.variable(slot, name),
            Value::List(items) => self.list(slot.map(Slot::item).as_ref(), items),
            Value::Object(_) => self.object(slot, value),
            _ => Coerced::Same,
        }
    }

    fn variable(&mut self, slot: Option<&Slot>, name: &Name) -> Coerced {
        // Without a default, null and nothing are the same; all arguments of introspection but one have a default.
        if slot.is_some_and(|slot| slot.ty.nullable && !slot.has_default) || !self.declared.is_nullable(name) {
            return Coerced::Same;
        }
        match (self.consult(name), slot) {
            (State::True | State::False | State::Other, _) => Coerced::Same,
            (State::LeftOut, None) => Coerced::Nothing,
            (State::LeftOut, Some(slot)) if slot.has_default => Coerced::Nothing,
            (State::Null, None) => Coerced::Same,
            (State::Null, Some(slot)) if slot.ty.nullable => Coerced::Same,
            (State::LeftOut | State::Null, Some(_)) => Coerced::Null,
        }
    }

    fn list(&mut self, item: Option<&Slot>, items: &[Value]) -> Coerced {
        let mut other = None;
        for (index, value) in items.iter().enumerate() {
            let value = match self.argument(item, value) {
                Coerced::Same => continue,
                Coerced::Null => return Coerced::Null,
                Coerced::Nothing => Value::Null,
                Coerced::Other(value) => value,
            };
            other.get_or_insert_with(|| items.to_vec())[index] = value;
        }
        other.map_or(Coerced::Same, |items| Coerced::Other(Value::List(items)))
    }

    fn object(&mut self, slot: Option<&Slot>, whole: &Value) -> Coerced {
        let Value::Object(fields) = whole else { return Coerced::Same };
        let Some(MetaType::InputObject { input_fields, .. }) =
            slot.and_then(|slot| self.types.get(innermost(&slot.ty)))
        else {
            return Coerced::Same;
        };
        let mut other = None;
        for (name, value) in fields {
            let slot = input_fields.get(name.as_str()).and_then(Slot::of);
            let coerced = self.argument(slot.as_ref(), value);
            if matches!(coerced, Coerced::Same) {
                continue;
            }
            let other = other.get_or_insert_with(|| fields.clone());
            match coerced {
                Coerced::Null => return Coerced::Null,
                Coerced::Nothing => drop(other.shift_remove(name)),
                Coerced::Other(value) => drop(other.insert(name.clone(), value)),
                Coerced::Same => {}
            }
        }
        other.map_or(Coerced::Same, |fields| Coerced::Other(Value::Object(fields)))
    }
}
