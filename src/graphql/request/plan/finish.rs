//! The library's answer, finished: a field that can't be null and failed makes its parent null, fields that we selected
//! for our own use go, and each error appears once, where the specification puts it.

use std::collections::HashMap;

use async_graphql::{
    Name, PathSegment, Response, ServerError, Value,
    indexmap::IndexMap,
    parser::types::{BaseType, Type},
};

use crate::graphql::request::plan::{Below, Fault, Plan, Planned, Set};

impl Plan {
    /// Finishes the answer to this plan's document.
    pub(in crate::graphql) fn finish(&self, mut response: Response) -> Response {
        if response.errors.is_empty() && !self.root.differs {
            return response;
        }
        let mut troubles = Troubles::default();
        for error in &response.errors {
            troubles.add(error);
        }
        let mut finisher = Finisher { path: Vec::new(), errors: Vec::new() };
        let root = std::mem::take(&mut response.data);
        let fields = if let Value::Object(fields) = root { fields } else { IndexMap::new() };
        response.data = finisher.object(&self.root, fields, Some(&troubles)).unwrap_or_default();
        // Errors that are about no field stay.
        if response.errors.is_empty() || !finisher.errors.is_empty() {
            response.errors = finisher.errors;
        }
        response
    }
}

/// Errors by their paths.
#[derive(Default)]
struct Troubles<'a> {
    here: Option<&'a ServerError>,
    fields: HashMap<&'a str, Troubles<'a>>,
    items: HashMap<usize, Troubles<'a>>,
}

impl<'a> Troubles<'a> {
    fn add(&mut self, error: &'a ServerError) {
        let mut troubles = self;
        for segment in &error.path {
            troubles = match segment {
                PathSegment::Field(key) => troubles.fields.entry(key).or_default(),
                PathSegment::Index(index) => troubles.items.entry(*index).or_default(),
            };
        }
        troubles.here.get_or_insert(error);
    }

    /// The first error of a list: where one item fails that can't be null, the library looks at no other.
    fn first(&self) -> Option<&'a ServerError> {
        let items = || self.items.iter().min_by_key(|(index, _)| **index).and_then(|(_, below)| below.first());
        let fields = || self.fields.values().find_map(Troubles::first);
        self.here.or_else(items).or_else(fields)
    }
}

/// A field that can't be null has failed.
struct Failed;

struct Finisher {
    path: Vec<PathSegment>,
    errors: Vec<ServerError>,
}

impl Finisher {
    fn object(
        &mut self,
        set: &Set,
        mut values: IndexMap<Name, Value>,
        troubles: Option<&Troubles<'_>>,
    ) -> Result<Value, Failed> {
        if let Some(fault) = &set.fault {
            return Err(self.fault(fault));
        }
        let kind = set.kind.as_ref().and_then(|key| values.swap_remove(key));
        let is_interface = kind.is_some_and(|kind| kind == Value::Enum(Name::new("INTERFACE")));
        let mut finished = IndexMap::with_capacity(set.fields.len());
        for field in &set.fields {
            self.path.push(PathSegment::Field(field.key.to_string()));
            let mut value = values.swap_remove(&field.key);
            if is_interface && field.name == "interfaces" && value == Some(Value::Null) {
                value = Some(Value::List(Vec::new()));
            }
            let troubles = troubles.and_then(|troubles| troubles.fields.get(field.key.as_str()));
            let value = self.field(field, value, troubles)?;
            self.path.pop();
            finished.insert(field.key.clone(), value);
        }
        Ok(Value::Object(finished))
    }

    /// On failure the path is left as it is: the caller that catches it cuts it.
    fn field(
        &mut self,
        field: &Planned,
        value: Option<Value>,
        troubles: Option<&Troubles<'_>>,
    ) -> Result<Value, Failed> {
        if troubles.is_none() && !field.differs() {
            return Ok(value.unwrap_or_default());
        }
        if let Some(fault) = &field.fault {
            let failed = self.fault(fault);
            let nullable = field.ty.as_ref().is_none_or(|ty| ty.nullable);
            return if nullable { Ok(Value::Null) } else { Err(failed) };
        }
        self.value(field.ty.as_ref(), &field.below, value.unwrap_or_default(), troubles)
    }

    fn value(
        &mut self,
        ty: Option<&Type>,
        below: &Below,
        value: Value,
        troubles: Option<&Troubles<'_>>,
    ) -> Result<Value, Failed> {
        let depth = self.path.len();
        let finished = self.non_null(ty, below, value, troubles);
        self.path.truncate(depth);
        match finished {
            Ok(value) => Ok(value),
            Err(Failed) if ty.is_none_or(|ty| ty.nullable) => Ok(Value::Null),
            Err(failed) => Err(failed),
        }
    }

    fn non_null(
        &mut self,
        ty: Option<&Type>,
        below: &Below,
        value: Value,
        troubles: Option<&Troubles<'_>>,
    ) -> Result<Value, Failed> {
        let item = match ty.map(|ty| &ty.base) {
            Some(BaseType::List(item)) => Some(&**item),
            _ => None,
        };
        match (value, below) {
            (Value::Null, below) => match (troubles, below) {
                (None, _) => Ok(Value::Null),
                // The library answers null for an object all of whose fields have failed.
                (Some(Troubles { here: None, .. }), Below::Object(set)) if item.is_none() => {
                    self.object(set, IndexMap::new(), troubles)
                }
                (Some(troubles), _) => {
                    self.errors.extend(troubles.first().cloned());
                    Err(Failed)
                }
            },
            (Value::List(values), below) => {
                let mut finished = Vec::with_capacity(values.len());
                for (index, value) in values.into_iter().enumerate() {
                    self.path.push(PathSegment::Index(index));
                    let troubles = troubles.and_then(|troubles| troubles.items.get(&index));
                    finished.push(self.value(item, below, value, troubles)?);
                    self.path.pop();
                }
                Ok(Value::List(finished))
            }
            (Value::Object(values), Below::Object(set)) => self.object(set, values, troubles),
            (Value::Object(values), Below::Several { key, sets }) => {
                let is_its = |(object, _): &&(String, Set)| matches!(values.get(key), Some(Value::String(name)) if name == object);
                match sets.iter().find(is_its) {
                    Some((_, set)) => self.object(set, values, troubles),
                    None => Ok(Value::Null),
                }
            }
            (value, _) => Ok(value),
        }
    }

    fn fault(&mut self, fault: &Fault) -> Failed {
        self.errors.push(ServerError { path: self.path.clone(), ..fault.error() });
        Failed
    }
}
