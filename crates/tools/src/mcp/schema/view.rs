//! What a schema says, with its references and its `allOf` followed.

use std::cell::Cell;

use serde_json::{Map, Value};

/// References and parts of one place that are followed, one below the other.
const DEPTH: usize = 8;
/// Schemas that are looked at in all: one that refers to itself often would grow beyond any size.
const STEPS: usize = 2_000;

/// Counts schemas looked at.
pub(in crate::mcp) struct Steps(Cell<usize>);

impl Default for Steps {
    fn default() -> Self {
        Self(Cell::new(STEPS))
    }
}

impl Steps {
    /// Whether no more are looked at.
    pub(in crate::mcp) fn is_over(&self) -> bool {
        self.0.get() == 0
    }

    fn take(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

/// What one place of a schema says.
#[derive(Debug, Clone, Default)]
pub(in crate::mcp) struct View<'a> {
    /// The types that it allows; empty where it does not say.
    pub(in crate::mcp) kinds: Vec<&'a str>,
    /// The only values that it allows; empty where it does not say.
    pub(in crate::mcp) values: Vec<&'a Value>,
    pub(in crate::mcp) description: Option<&'a str>,
    pub(in crate::mcp) properties: Vec<(&'a str, &'a Value)>,
    pub(in crate::mcp) required: Vec<&'a str>,
    /// Of every item of a list.
    pub(in crate::mcp) items: Option<&'a Value>,
    /// Of each item of a list by its place.
    pub(in crate::mcp) tuple: Option<&'a [Value]>,
    /// Schemas of which one holds.
    pub(in crate::mcp) alternatives: Vec<&'a Value>,
}

impl<'a> View<'a> {
    /// What `schema` says; `root` is where its references start.
    pub(in crate::mcp) fn of(root: &'a Value, schema: &'a Value, steps: &Steps) -> Self {
        let mut view = Self::default();
        view.add(root, schema, steps, DEPTH);
        if view.kinds.is_empty() {
            view.kinds = view.implied();
        }
        view
    }

    /// Adds a property, where there is none of that name.
    pub(in crate::mcp) fn add_property(&mut self, name: &'a str, property: &'a Value) {
        if !self.properties.iter().any(|(known, _)| *known == name) {
            self.properties.push((name, property));
        }
    }

    fn add(&mut self, root: &'a Value, schema: &'a Value, steps: &Steps, depth: usize) {
        let Value::Object(keys) = schema else {
            // `true` and `false` are schemas that say nothing.
            return;
        };
        if depth == 0 || !steps.take() {
            return;
        }
        let text = |key| keys.get(key).and_then(Value::as_str);
        self.description = self.description.or(text("description"));
        if self.kinds.is_empty() {
            self.kinds = kinds(keys);
        }
        if self.values.is_empty() {
            self.values = match (keys.get("enum"), keys.get("const")) {
                (Some(Value::Array(values)), _) => values.iter().filter(|v| !v.is_null()).collect(),
                (_, Some(value)) if !value.is_null() => vec![value],
                _ => Vec::new(),
            };
        }
        if let Some(Value::Object(properties)) = keys.get("properties") {
            for (name, property) in properties {
                self.add_property(name, property);
            }
        }
        self.required
            .extend(list(keys, "required").filter_map(Value::as_str));
        match keys.get("items") {
            Some(Value::Array(items)) => self.tuple = self.tuple.or(Some(items)),
            Some(items @ Value::Object(_)) => self.items = self.items.or(Some(items)),
            _ => {}
        }
        if let Some(Value::Array(items)) = keys.get("prefixItems") {
            self.tuple = self.tuple.or(Some(items));
        }
        if self.alternatives.is_empty() {
            self.alternatives = ["anyOf", "oneOf"]
                .iter()
                .find_map(|key| {
                    let list: Vec<&Value> = list(keys, key).collect();
                    (!list.is_empty()).then_some(list)
                })
                .unwrap_or_default();
        }
        for part in list(keys, "allOf") {
            self.add(root, part, steps, depth - 1);
        }
        let target = ["$ref", "$dynamicRef"].iter().find_map(|key| text(key));
        let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
        if let Some(target) = target {
            self.add(root, target, steps, depth - 1);
        }
    }

    /// The types that what is said is about.
    fn implied(&self) -> Vec<&'a str> {
        if !self.properties.is_empty() {
            return vec!["object"];
        }
        if self.items.is_some() || self.tuple.is_some() {
            return vec!["array"];
        }
        let mut kinds = Vec::new();
        for value in &self.values {
            let kind = kind_of(value);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

/// The type of a value, as schemas name it.
pub(in crate::mcp) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn kinds(keys: &Map<String, Value>) -> Vec<&str> {
    let mut kinds: Vec<&str> = match keys.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if keys.get("nullable") == Some(&Value::Bool(true)) && !kinds.is_empty() {
        kinds.push("null");
    }
    kinds
}

fn list<'a>(keys: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let list = keys.get(key).and_then(Value::as_array);
    list.into_iter().flatten()
}
