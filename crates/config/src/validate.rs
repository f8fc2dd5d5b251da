//! Checks the configuration against its JSON Schema and says everything that is wrong, each with its place.
//!
//! The walker knows the keywords that the schema of [`crate::schema::Config`] uses; a test holds that it does.

use serde_json::Value;

use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::nearest::nearest;
use crate::pattern::Pattern;
use crate::spanned::{Content, Member, Node};

mod expected;
use expected::{describe, pattern_words, quoted};

/// Checks `node` against `schema` (JSON Schema 2020-12, definitions in `$defs`) and returns every issue, in the
/// order of the document.
pub fn validate(schema: &Value, node: &Node) -> Vec<Issue> {
    let mut walk = Walk {
        root: schema,
        path: KeyPath::root(),
        issues: Vec::new(),
    };
    walk.check(schema, node);
    walk.issues
}

/// Follows `$ref` to the schema that it names.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut current = schema;
    // A generated schema has no chain of references this long; a circular one ends here.
    for _ in 0..32 {
        let Some(pointer) = current
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix('#'))
        else {
            break;
        };
        match root.pointer(pointer) {
            Some(target) => current = target,
            None => break,
        }
    }
    current
}

struct Walk<'s> {
    root: &'s Value,
    path: KeyPath,
    issues: Vec<Issue>,
}

impl<'s> Walk<'s> {
    fn report(&mut self, node: &Node, message: String, expected: String) {
        let issue = Issue::at(&node.origin, &self.path, message).expecting(expected);
        self.issues.push(issue);
    }

    fn check(&mut self, schema: &'s Value, node: &Node) {
        if schema.get("$ref").is_some() {
            let target = resolve(self.root, schema);
            if target.get("$ref").is_none() {
                self.check(target, node);
            }
        }
        match schema {
            Value::Bool(true) => return,
            Value::Bool(false) => {
                self.report(node, "no value is allowed here".into(), "nothing".into());
                return;
            }
            _ => {}
        }
        if !self.has_right_type(schema, node) || !self.is_listed(schema, node) {
            return;
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            for part in all {
                self.check(part, node);
            }
        }
        for keyword in ["anyOf", "oneOf"] {
            if schema.get(keyword).is_some() {
                self.check_alternatives(schema, keyword, node);
            }
        }
        match &node.content {
            Content::String(text) => self.check_text(schema, text, node),
            Content::Number(_) => self.check_bounds(schema, node),
            Content::Array(items) => self.check_items(schema, items, node),
            Content::Object(members) => self.check_members(schema, members, node),
            Content::Null | Content::Bool(_) => {}
        }
    }

    fn has_right_type(&mut self, schema: &'s Value, node: &Node) -> bool {
        let Some(types) = types_of(schema) else {
            return true;
        };
        if types.iter().any(|name| is_of_type(node, name)) {
            return true;
        }
        self.report_type(describe(self.root, schema), node);
        false
    }

    fn report_type(&mut self, expected: String, node: &Node) {
        let found = match &node.content {
            Content::Number(number) if expected.contains("whole number") => {
                format!("the number {number}")
            }
            _ => node.kind().to_owned(),
        };
        self.report(
            node,
            format!("expected {expected}, found {found}"),
            expected,
        );
    }

    fn is_listed(&mut self, schema: &'s Value, node: &Node) -> bool {
        let listed: Vec<&Value> = match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(values)), _) => values.iter().collect(),
            (_, Some(value)) => vec![value],
            _ => return true,
        };
        let value = node.to_value();
        if listed.contains(&&value) {
            return true;
        }
        self.report_unlisted(&listed, &value, node);
        false
    }

    fn report_unlisted(&mut self, listed: &[&Value], value: &Value, node: &Node) {
        let expected = quoted(listed);
        let found = match value {
            Value::String(_) | Value::Number(_) => value.to_string(),
            _ => node.kind().to_owned(),
        };
        let suggestion = value
            .as_str()
            .and_then(|word| nearest(word, listed.iter().filter_map(|value| value.as_str())));
        let issue = Issue::at(
            &node.origin,
            &self.path,
            format!("expected {expected}, found {found}"),
        )
        .expecting(expected)
        .suggesting(suggestion);
        self.issues.push(issue);
    }

    /// `anyOf` and `oneOf`: right when one branch is; otherwise the branch that was most likely meant speaks.
    fn check_alternatives(&mut self, schema: &'s Value, keyword: &str, node: &Node) {
        let mut branches = Vec::new();
        collect_branches(self.root, schema, keyword, &mut branches);
        let mut attempts = Vec::with_capacity(branches.len());
        for branch in &branches {
            let mut attempt = Walk {
                root: self.root,
                path: self.path.clone(),
                issues: Vec::new(),
            };
            attempt.check(branch, node);
            if attempt.issues.is_empty() {
                return;
            }
            attempts.push(attempt.issues);
        }
        let literals: Vec<&Value> = branches.iter().copied().flat_map(literals_of).collect();
        let best = branches
            .iter()
            .zip(attempts)
            .filter(|(branch, _)| literals_of(branch).is_empty() && fits(branch, node))
            .map(|(_, issues)| issues)
            .min_by_key(Vec::len);
        let value = node.to_value();
        let same_kind =
            |literal: &&Value| std::mem::discriminant(*literal) == std::mem::discriminant(&value);
        if let Some(issues) = best {
            self.issues.extend(issues);
        } else if literals.iter().any(same_kind) {
            self.report_unlisted(&literals, &value, node);
        } else {
            let expected = describe(self.root, schema);
            self.report_type(expected, node);
        }
    }

    fn check_text(&mut self, schema: &Value, text: &str, node: &Node) {
        let length = text.chars().count() as u64;
        let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        if let Some(least) = limit("minLength").filter(|least| length < *least) {
            let expected = if least == 1 {
                "text that is not empty".to_owned()
            } else {
                format!("at least {least} characters")
            };
            self.report(node, format!("expected {expected}"), expected);
        }
        if let Some(most) = limit("maxLength").filter(|most| length > *most) {
            let expected = format!("at most {most} characters");
            self.report(
                node,
                format!("expected {expected}, found {length}"),
                expected,
            );
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && Pattern::new(pattern).is_some_and(|compiled| !compiled.is_match(text))
        {
            let expected = pattern_words(pattern);
            self.report(node, format!("expected {expected}"), expected);
        }
    }

    fn check_bounds(&mut self, schema: &Value, node: &Node) {
        let Content::Number(number) = &node.content else {
            return;
        };
        let value = number.as_f64().unwrap_or(f64::NAN);
        let (format_least, format_most) = expected::format_bounds(schema);
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let too_small = bound("minimum")
            .or(format_least)
            .is_some_and(|least| value < least)
            || bound("exclusiveMinimum").is_some_and(|least| value <= least);
        let too_large = bound("maximum")
            .or(format_most)
            .is_some_and(|most| value > most)
            || bound("exclusiveMaximum").is_some_and(|most| value >= most);
        if too_small || too_large {
            let expected = expected::describe_full_range(schema);
            self.report(
                node,
                format!("expected {expected}, found {number}"),
                expected,
            );
        }
    }

    fn check_items(&mut self, schema: &'s Value, items: &[Node], node: &Node) {
        let count = items.len() as u64;
        let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        if let Some(least) = limit("minItems").filter(|least| count < *least) {
            let expected = format!("at least {least} list items");
            self.report(
                node,
                format!("expected {expected}, found {count}"),
                expected,
            );
        }
        if let Some(most) = limit("maxItems").filter(|most| count > *most) {
            let expected = format!("at most {most} list items");
            self.report(
                node,
                format!("expected {expected}, found {count}"),
                expected,
            );
        }
        if let Some(item_schema) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.path.push_index(index);
                self.check(item_schema, item);
                self.path.pop();
            }
        }
        if schema.get("uniqueItems").and_then(Value::as_bool) == Some(true) {
            let mut seen = std::collections::HashSet::new();
            for (index, item) in items.iter().enumerate() {
                if !seen.insert(item.to_value().to_string()) {
                    self.path.push_index(index);
                    self.report(
                        item,
                        "this item stands twice in the list".into(),
                        "different items".into(),
                    );
                    self.path.pop();
                }
            }
        }
    }

    fn check_members(&mut self, schema: &'s Value, members: &[Member], node: &Node) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for member in members {
            self.path.push_key(&member.key);
            if let Some(names) = schema.get("propertyNames") {
                let name = Node {
                    content: Content::String(member.key.clone()),
                    origin: member.key_origin.clone(),
                };
                self.check(names, &name);
            }
            let known = properties.and_then(|properties| properties.get(&member.key));
            if let Some(known) = known {
                self.check(known, &member.value);
            }
            let matched = self.check_by_pattern(schema, member);
            if known.is_none() && !matched {
                match schema.get("additionalProperties") {
                    Some(Value::Bool(false)) => self.report_unknown(schema, member),
                    Some(others) => self.check(others, &member.value),
                    None => {}
                }
            }
            self.path.pop();
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if members.iter().all(|member| member.key != name) {
                self.path.push_key(name);
                let what = properties
                    .and_then(|properties| properties.get(name))
                    .map_or("a value".to_owned(), |known| describe(self.root, known));
                self.report(node, format!("this key is required; expected {what}"), what);
                self.path.pop();
            }
        }
    }

    fn check_by_pattern(&mut self, schema: &'s Value, member: &Member) -> bool {
        let mut matched = false;
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for (pattern, value_schema) in patterns.into_iter().flatten() {
            if Pattern::new(pattern).is_some_and(|compiled| compiled.is_match(&member.key)) {
                matched = true;
                self.check(value_schema, &member.value);
            }
        }
        matched
    }

    fn report_unknown(&mut self, schema: &Value, member: &Member) {
        let known: Vec<&str> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let suggestion = nearest(&member.key, known.iter().copied());
        let mut message = "unknown key".to_owned();
        if suggestion.is_none() && !known.is_empty() && known.len() <= 8 {
            message = format!("unknown key; known here: {}", known.join(", "));
        }
        let mut issue = Issue::at(&member.key_origin, &self.path, message).suggesting(suggestion);
        if !known.is_empty() {
            issue = issue.expecting(format!("one of the keys {}", known.join(", ")));
        }
        self.issues.push(issue);
    }
}

/// The `type` names of a schema; `None` when it sets none.
fn types_of(schema: &Value) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn is_of_type(node: &Node, name: &str) -> bool {
    match (&node.content, name) {
        (Content::Null, "null")
        | (Content::Bool(_), "boolean")
        | (Content::String(_), "string")
        | (Content::Array(_), "array")
        | (Content::Object(_), "object")
        | (Content::Number(_), "number") => true,
        (Content::Number(number), "integer") => !number.is_f64(),
        _ => false,
    }
}

/// The branches of an `anyOf` or `oneOf`, references followed and nested alternatives spread out.
fn collect_branches<'s>(
    root: &'s Value,
    schema: &'s Value,
    keyword: &str,
    branches: &mut Vec<&'s Value>,
) {
    for branch in schema
        .get(keyword)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let branch = resolve(root, branch);
        let nested = ["anyOf", "oneOf"]
            .into_iter()
            .find(|nested| branch.get(nested).is_some());
        match nested {
            Some(nested) if branch.get("type").is_none() => {
                collect_branches(root, branch, nested, branches);
            }
            _ => branches.push(branch),
        }
    }
}

fn literals_of(schema: &Value) -> Vec<&Value> {
    match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.iter().collect(),
        (_, Some(value)) => vec![value],
        _ => Vec::new(),
    }
}

/// Whether a branch is for values of this node's JSON type.
fn fits(schema: &Value, node: &Node) -> bool {
    match types_of(schema) {
        // "5.5" where a whole number may stand is a wrong number, not a wrong kind of value.
        Some(types) => types.iter().any(|name| {
            is_of_type(node, name)
                || (*name == "integer" && matches!(node.content, Content::Number(_)))
        }),
        None => !schema.is_boolean(),
    }
}

#[cfg(test)]
mod tests;
