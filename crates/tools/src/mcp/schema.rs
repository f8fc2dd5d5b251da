//! Schemas of servers, in the subset that every model server takes.
//!
//! An object with `properties` and `required`, each property with one plain `type` and, where it helps, `description`,
//! `enum` and `items`. References are followed, alternatives become the one type that takes them all or text that says
//! in words what it may hold, and what is only checked (formats, patterns, bounds, defaults) is left to the server.

mod view;

use serde_json::{Map, Value, json};

use super::listing::one_line;
pub(super) use view::{Steps, View};

/// Longest JSON text of one tool's schema, in bytes: about 600 tokens.
const LARGEST: usize = 2_400;
/// Words of an enumeration, at most; of a longer one the first are named in words.
const WORDS: usize = 48;
/// What is tried one after the other until a schema is short enough: how deep it is shown, and how many characters of
/// each description.
const ROUNDS: [(usize, usize); 4] = [(5, 200), (3, 100), (2, 50), (1, 0)];

/// The schema of a tool as models see it; `None` where even its required parameters are too much, or one of them has a
/// name that some model servers refuse.
pub(super) fn simplify(schema: &Value) -> Option<Value> {
    for (depth, description) in ROUNDS {
        let simple = Simplifier::new(schema, description).arguments(depth)?;
        if simple.to_string().len() <= LARGEST {
            return Some(simple);
        }
    }
    let (depth, description) = ROUNDS[ROUNDS.len() - 1];
    let mut simple = Simplifier::new(schema, description).arguments(depth)?;
    // What may be left out is left out, the last first.
    let required: Vec<Value> = simple["required"].as_array().cloned().unwrap_or_default();
    while simple.to_string().len() > LARGEST {
        let properties = simple["properties"].as_object_mut()?;
        let optional = properties
            .keys()
            .rfind(|name| !required.iter().any(|one| one == name.as_str()))?
            .clone();
        properties.shift_remove(&optional);
    }
    Some(simple)
}

struct Simplifier<'a> {
    root: &'a Value,
    /// Characters of a description, at most.
    description: usize,
    steps: Steps,
}

impl<'a> Simplifier<'a> {
    fn new(root: &'a Value, description: usize) -> Self {
        Self {
            root,
            description,
            steps: Steps::default(),
        }
    }

    /// The whole schema: an object, whatever it says it is.
    fn arguments(&self, depth: usize) -> Option<Value> {
        let view = self.view(self.root);
        let mut view = match view.alternatives.as_slice() {
            // Alternatives as a whole: whatever one of them takes.
            [_, ..] if view.properties.is_empty() => self.joined(&view),
            _ => view,
        };
        view.kinds = vec!["object"];
        if view.required.iter().any(|name| !is_usable(name)) {
            return None;
        }
        let mut simple = self.object(&view, depth);
        simple.entry("properties").or_insert_with(|| json!({}));
        simple.entry("required").or_insert_with(|| json!([]));
        Some(Value::Object(simple))
    }

    fn view(&self, schema: &'a Value) -> View<'a> {
        View::of(self.root, schema, &self.steps)
    }

    /// All properties of all alternatives, of which those are required that each of them requires.
    fn joined(&self, view: &View<'a>) -> View<'a> {
        let mut joined = View::default();
        let mut required: Option<Vec<&str>> = None;
        for alternative in &view.alternatives {
            let one = self.view(alternative);
            required = Some(match required {
                None => one.required.clone(),
                Some(before) => before
                    .into_iter()
                    .filter(|name| one.required.contains(name))
                    .collect(),
            });
            for (name, property) in one.properties {
                joined.add_property(name, property);
            }
        }
        joined.required = required.unwrap_or_default();
        joined.required.extend(&view.required);
        joined
    }

    /// A schema below the first.
    fn simple(&self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let view = self.view(schema);
        let mut simple = self.undescribed(&view, depth);
        if let Some(text) = view.description {
            self.describe(&mut simple, text);
        }
        simple
    }

    /// Puts a description before what is said already.
    fn describe(&self, simple: &mut Map<String, Value>, text: &str) {
        let words = match simple.get("description").and_then(Value::as_str) {
            Some(more) => format!("{text} {more}"),
            None => text.to_owned(),
        };
        let words = one_line(&words, self.description);
        if !words.is_empty() {
            simple.insert("description".to_owned(), words.into());
        }
    }

    fn undescribed(&self, view: &View<'a>, depth: usize) -> Map<String, Value> {
        let depth = match self.steps.is_over() {
            true => 0,
            false => depth,
        };
        if !view.alternatives.is_empty() && view.properties.is_empty() {
            let choices: Vec<Map<String, Value>> = view
                .alternatives
                .iter()
                .filter(|one| self.view(one).kinds != ["null"])
                .map(|one| self.simple(one, depth.saturating_sub(1)))
                .collect();
            return self.any_of(choices);
        }
        let kinds: Vec<&str> = view
            .kinds
            .iter()
            .copied()
            .filter(|kind| *kind != "null")
            .collect();
        match kinds.as_slice() {
            [] if view.values.is_empty() => text_with("Any value, written as JSON."),
            [] => self.of_kind("string", view, depth),
            [kind] => self.of_kind(kind, view, depth),
            kinds => {
                let choices = kinds
                    .iter()
                    .map(|kind| self.of_kind(kind, view, depth))
                    .collect();
                self.any_of(choices)
            }
        }
    }

    /// What a view allows of one type.
    fn of_kind(&self, kind: &str, view: &View<'a>, depth: usize) -> Map<String, Value> {
        match kind {
            "object" => self.object(view, depth),
            "array" => {
                let item = match (view.items, view.tuple) {
                    (Some(item), _) if depth > 0 => self.simple(item, depth - 1),
                    (None, Some(items)) if depth > 0 => {
                        let choices = items.iter().map(|one| self.simple(one, depth - 1));
                        self.any_of(choices.collect())
                    }
                    _ => text_with("Any value, written as JSON."),
                };
                of([("type", "array".into()), ("items", Value::Object(item))])
            }
            "integer" | "number" | "boolean" => {
                let mut simple = of([("type", kind.into())]);
                if !view.values.is_empty() {
                    self.describe(&mut simple, &one_of(&view.values));
                }
                simple
            }
            _ => self.string(view),
        }
    }

    fn string(&self, view: &View<'a>) -> Map<String, Value> {
        let mut simple = of([("type", "string".into())]);
        let mut words: Vec<&Value> = Vec::new();
        for value in &view.values {
            // Some model servers refuse empty words.
            if value.as_str().is_some_and(|word| !word.is_empty()) && !words.contains(value) {
                words.push(value);
            }
        }
        if words.len() == view.values.len() && !words.is_empty() && words.len() <= WORDS {
            simple.insert("enum".to_owned(), json!(words));
        } else if !view.values.is_empty() {
            self.describe(&mut simple, &one_of(&view.values));
        }
        simple
    }

    fn object(&self, view: &View<'a>, depth: usize) -> Map<String, Value> {
        let mut simple = of([("type", "object".into())]);
        let has_odd_names = view.required.iter().any(|name| !is_usable(name));
        if depth == 0 || view.properties.is_empty() || has_odd_names {
            let names: Vec<&str> = view.properties.iter().map(|(name, _)| *name).collect();
            if !names.is_empty() {
                self.describe(&mut simple, &format!("With {}.", names.join(", ")));
            }
            return simple;
        }
        let mut properties = Map::new();
        for (name, property) in &view.properties {
            if is_usable(name) && !self.steps.is_over() {
                let property = self.simple(property, depth - 1);
                properties.insert((*name).to_owned(), Value::Object(property));
            }
        }
        let mut required: Vec<&str> = Vec::new();
        for name in &view.required {
            if properties.contains_key(*name) && !required.contains(name) {
                required.push(name);
            }
        }
        simple.insert("properties".to_owned(), Value::Object(properties));
        simple.insert("required".to_owned(), json!(required));
        simple
    }

    /// One schema for what takes any of several.
    fn any_of(&self, mut choices: Vec<Map<String, Value>>) -> Map<String, Value> {
        choices.dedup();
        let Some(first) = choices.first().cloned() else {
            return text_with("Any value, written as JSON.");
        };
        if choices.len() == 1 {
            return first;
        }
        let kinds: Vec<&str> = choices.iter().map(kind_of).collect();
        let all = |wanted: &[&str]| kinds.iter().all(|kind| wanted.contains(kind));
        if all(&["string"]) {
            return one_string(&choices);
        }
        if all(&["integer"]) || all(&["boolean"]) {
            return of([("type", kinds[0].into())]);
        }
        if all(&["integer", "number"]) {
            return of([("type", "number".into())]);
        }
        if all(&["object"]) {
            return one_object(&choices);
        }
        // One thing or a list of such things: a list, which one thing is taken for as well.
        let list = choices.iter().find(|one| kind_of(one) == "array");
        if let Some(list) = list {
            let item = list["items"].as_object().map_or("", kind_of);
            if kinds.iter().all(|kind| *kind == "array" || *kind == item) {
                return list.clone();
            }
        }
        let mut other: Vec<&str> = kinds.iter().copied().filter(|k| *k != "string").collect();
        other.dedup();
        let other = other.join(" or ");
        match kinds.contains(&"string") {
            true => text_with(&format!("Text, or JSON: {other}.")),
            false => text_with(&format!("JSON: {other}.")),
        }
    }
}

/// Whether every model server takes a parameter of this name.
fn is_usable(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn kind_of(simple: &Map<String, Value>) -> &str {
    simple
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("string")
}

/// Any of several texts: one of all their words, if each has words.
fn one_string(choices: &[Map<String, Value>]) -> Map<String, Value> {
    let mut words: Vec<Value> = Vec::new();
    for choice in choices {
        let Some(more) = choice.get("enum").and_then(Value::as_array) else {
            return of([("type", "string".into())]);
        };
        for word in more {
            if !words.contains(word) {
                words.push(word.clone());
            }
        }
    }
    words.truncate(WORDS);
    of([("type", "string".into()), ("enum", words.into())])
}

/// Any of several objects: the properties of all, of which those are required that all require.
fn one_object(choices: &[Map<String, Value>]) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required: Option<Vec<Value>> = None;
    for choice in choices {
        let Some(more) = choice.get("properties").and_then(Value::as_object) else {
            return of([("type", "object".into())]);
        };
        for (name, property) in more {
            let known = properties.entry(name).or_insert_with(|| property.clone());
            if known["enum"].is_array() && known != property {
                // What tells the alternatives apart (`kind: "a"`, `kind: "b"`) takes the words of each.
                let both =
                    [known, property].map(|one| one.as_object().cloned().unwrap_or_default());
                if both.iter().all(|one| kind_of(one) == "string") {
                    properties.insert(name.clone(), Value::Object(one_string(&both)));
                }
            }
        }
        let theirs = choice.get("required").and_then(Value::as_array);
        let theirs = theirs.cloned().unwrap_or_default();
        required = Some(match required {
            None => theirs,
            Some(before) => before
                .into_iter()
                .filter(|name| theirs.contains(name))
                .collect(),
        });
    }
    of([
        ("type", "object".into()),
        ("properties", Value::Object(properties)),
        ("required", required.unwrap_or_default().into()),
    ])
}

/// A text that may hold what these words say.
fn text_with(words: &str) -> Map<String, Value> {
    of([("type", "string".into()), ("description", words.into())])
}

fn one_of(values: &[&Value]) -> String {
    let named: Vec<String> = values.iter().take(12).map(|one| one.to_string()).collect();
    let more = if values.len() > named.len() {
        ", …"
    } else {
        ""
    };
    format!("One of {}{more}.", named.join(", "))
}

fn of<const N: usize>(keys: [(&str, Value); N]) -> Map<String, Value> {
    keys.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests;
