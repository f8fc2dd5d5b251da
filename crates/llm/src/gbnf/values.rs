//! Rules for the values that a schema allows, as JSON in the layout of [`crate::CallForm`]: one line, a blank after `,`
//! and `:`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::literal;
use crate::repair::simplify;

/// A string is never held shorter than this: names, paths and addresses fit.
const SHORTEST: u64 = 64;
/// llama.cpp (b11434) takes no repetition of more than 2,000.
const LONGEST: u64 = 1000;
/// Most items of a list, where they are bounded.
const MOST_ITEMS: u64 = 8;

/// No control characters, and no half of a surrogate pair by itself: what every reader of JSON takes.
const CHARACTER: &str = r#"char ::= [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" ([0-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex | [dD] [89abAB] hex hex "\\u" [dD] [c-fC-F] hex hex))
hex ::= [0-9a-fA-F]
"#;

/// Fifteen digits: a number that is the same in every language.
const INTEGER: &str = "integer ::= \"0\" | \"-\"? [1-9] [0-9]{0,14}\n";
/// Six places: as fine as degrees of longitude are given.
const NUMBER: &str = "number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,14}) (\".\" [0-9]{1,6})?\n";
const BOOLEAN: &str = "boolean ::= \"true\" | \"false\"\n";

/// Writes rules, and counts them for their names.
pub(super) struct Values {
    rules: String,
    objects: usize,
    /// Rules that others name.
    named: BTreeSet<&'static str>,
    /// Most characters of a string.
    longest: Option<u64>,
}

impl Values {
    /// `bound` is how many tokens an answer may have; none: nothing is bounded.
    pub(super) fn new(bound: Option<u64>) -> Self {
        Self {
            rules: String::new(),
            objects: 0,
            named: BTreeSet::new(),
            // Of a token's four characters in English one for each string of a call with four.
            longest: bound.map(|tokens| tokens.clamp(SHORTEST, LONGEST)),
        }
    }

    /// The arguments of a tool: an object with the properties that its schema names, in their order, and no others.
    pub(super) fn arguments(&mut self, parameters: &Value) -> String {
        let schema = simplify(parameters);
        self.members(&schema)
    }

    /// All rules that the values name.
    pub(super) fn into_rules(mut self) -> String {
        if self.named.contains("value") {
            self.named.extend(["array", "object", "number", "boolean"]);
            self.rules
                .push_str("value ::= string | number | boolean | \"null\" | array | object\n");
        }
        if self.named.contains("array") {
            let array = self.list("value");
            // Writing to a String cannot fail.
            let _ = writeln!(self.rules, "array ::= {array}");
        }
        if self.named.contains("object") {
            let most = self.repeated();
            let _ = writeln!(
                self.rules,
                "object ::= \"{{\" (string \": \" value (\", \" string \": \" value){most})? \"}}\""
            );
        }
        for (name, rule) in [
            ("integer", INTEGER),
            ("number", NUMBER),
            ("boolean", BOOLEAN),
        ] {
            if self.named.contains(name) {
                self.rules.push_str(rule);
            }
        }
        let most = match self.longest {
            Some(longest) => format!("{{0,{longest}}}"),
            None => "*".to_owned(),
        };
        let _ = writeln!(self.rules, "string ::= \"\\\"\" char{most} \"\\\"\"");
        self.rules.push_str(CHARACTER);
        self.rules
    }

    fn value(&mut self, schema: &Value) -> String {
        if let Some(choices) = schema["enum"].as_array().filter(|all| !all.is_empty()) {
            let choices = choices.iter().map(|one| literal(&one.to_string()));
            return format!("({})", choices.collect::<Vec<_>>().join(" | "));
        }
        match schema["type"].as_str() {
            Some("object") if schema["properties"].is_object() => self.members(schema),
            Some("array") => {
                let items = self.value(&schema["items"]);
                self.list(&items)
            }
            Some("string") => "string".to_owned(),
            Some("null") => literal("null"),
            Some("integer") => self.name("integer"),
            Some("number") => self.name("number"),
            Some("boolean") => self.name("boolean"),
            Some("object") => {
                self.name("value");
                self.name("object")
            }
            _ => self.name("value"),
        }
    }

    fn name(&mut self, rule: &'static str) -> String {
        self.named.insert(rule);
        rule.to_owned()
    }

    fn list(&self, items: &str) -> String {
        let most = self.repeated();
        format!("\"[\" ({items} (\", \" {items}){most})? \"]\"")
    }

    /// How often what follows the first item may come.
    fn repeated(&self) -> String {
        match self.longest {
            Some(_) => format!("{{0,{}}}", MOST_ITEMS - 1),
            None => "*".to_owned(),
        }
    }

    /// An object with the properties that its schema names. A rule for each place between two of them: `f` where none has
    /// been written so far, `m` where a comma is due.
    fn members(&mut self, schema: &Value) -> String {
        let Some(properties) = schema["properties"].as_object() else {
            return literal("{}");
        };
        if properties.is_empty() {
            return literal("{}");
        }
        let names = schema["required"].as_array();
        let is_required =
            |name: &str| names.is_some_and(|names| names.iter().any(|one| one == name));
        self.objects += 1;
        let id = self.objects;
        let last = properties.len() - 1;
        let mut is_first = true;
        for (at, (name, schema)) in properties.iter().enumerate() {
            let key = literal(&format!("{}: ", Value::from(name.as_str())));
            let value = self.value(schema);
            let more = match at == last {
                true => String::new(),
                false => format!(" m{id}-{}", at + 1),
            };
            let without = |track: &str| match (is_required(name), at == last) {
                (true, _) => String::new(),
                (false, true) => " | \"\"".to_owned(),
                (false, false) => format!(" | {track}{id}-{}", at + 1),
            };
            // Writing to a String cannot fail.
            if is_first {
                let _ = writeln!(
                    self.rules,
                    "f{id}-{at} ::= {key} {value}{more}{}",
                    without("f")
                );
            }
            if at > 0 {
                let _ = writeln!(
                    self.rules,
                    "m{id}-{at} ::= \", \" {key} {value}{more}{}",
                    without("m")
                );
            }
            is_first &= !is_required(name);
        }
        format!("\"{{\" f{id}-0 \"}}\"")
    }
}
