//! A tool's schema as the grammar is made from it: what is left open there is settled here.

use serde_json::{Map, Value, json};

/// Characters of a string that are counted; counting more takes the grammar too much memory.
const LONGEST: usize = 4000;
/// A string is never held shorter than this: names, paths and addresses fit.
const SHORTEST: usize = 64;
/// Most items of a list, where they are bounded.
const MOST_ITEMS: u64 = 8;
/// Characters for each token that an answer may have, dealt out among the strings of a call. In English a token has about
/// four, in other scripts two.
const CHARACTERS_PER_TOKEN: usize = 2;
/// Integers up to here are the same in every language.
const LARGEST: i64 = (1 << 53) - 1;
/// What fractions are a multiple of: as fine as degrees of longitude are given.
const FINEST: f64 = 0.000_001;
/// How deep values are nested where a schema leaves all open.
const DEPTH: usize = 3;

/// Keywords by which an object may have more properties than those under `properties`.
const OPEN: [&str; 6] = [
    "additionalProperties",
    "patternProperties",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
];

/// Keywords of which one at least tells what a value is.
const SAYING: [&str; 8] = [
    "type",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "properties",
    "patternProperties",
    "items",
];

/// The form of the JSON: one line with a blank after `,` and `:`, as chat templates write calls, so that the call stands
/// in the next prompt as the model wrote it.
fn layout() -> Value {
    json!({"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false})
}

/// The grammar's copy of the schema of a tool's arguments: only the properties that it names. `bound` is how many tokens
/// an answer may have, for models that would write one string until they are used up.
pub(super) fn copy(parameters: &Value, bound: Option<usize>) -> Value {
    let mut copy = match parameters {
        Value::Object(keywords) => keywords.clone(),
        _ => Map::new(),
    };
    copy.insert("type".into(), json!("object"));
    let names_any = copy
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| !properties.is_empty());
    // Without a word on what else it takes, a tool whose schema names no property takes none.
    if !names_any && !OPEN.iter().any(|keyword| copy.contains_key(*keyword)) {
        copy.insert("additionalProperties".into(), Value::Bool(false));
    }
    let mut copy = Value::Object(copy);
    let share = bound.map(|tokens| {
        let characters = tokens.saturating_mul(CHARACTERS_PER_TOKEN) / strings(&copy).max(1);
        characters.clamp(SHORTEST, LONGEST)
    });
    settle(&mut copy, share);
    with_layout(copy)
}

/// Any JSON object, for a schema that cannot be made into a grammar.
pub(super) fn any_object(bound: Option<usize>) -> Value {
    let share = bound.map(|_| SHORTEST);
    with_layout(open_object(DEPTH, share))
}

fn with_layout(mut schema: Value) -> Value {
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert("x-guidance".into(), layout());
    }
    schema
}

/// How many strings a value of this schema may hold, a list counting as two.
fn strings(schema: &Value) -> usize {
    let Some(keywords) = schema.as_object() else {
        return 0;
    };
    let own = usize::from(names(keywords, "string") && !keywords.contains_key("enum"));
    let inner: usize = keywords
        .get("properties")
        .and_then(Value::as_object)
        .map_or(0, |properties| properties.values().map(strings).sum());
    let items = keywords.get("items").map_or(0, |items| 2 * strings(items));
    let branches: usize = ["anyOf", "oneOf"]
        .iter()
        .filter_map(|keyword| keywords.get(*keyword)?.as_array())
        .filter_map(|branches| branches.iter().map(strings).max())
        .sum();
    own + inner + items + branches
}

/// Whether a schema names this type.
fn names(keywords: &Map<String, Value>, kind: &str) -> bool {
    match keywords.get("type") {
        Some(Value::String(only)) => only == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        _ => false,
    }
}

/// Bounds strings to `share` characters (none: no bounds), and objects to the properties that they name.
fn settle(schema: &mut Value, share: Option<usize>) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    for keyword in ["properties", "$defs", "definitions"] {
        if let Some(schemas) = keywords.get_mut(keyword).and_then(Value::as_object_mut) {
            schemas
                .values_mut()
                .for_each(|schema| settle(schema, share));
        }
    }
    for keyword in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        if let Some(schemas) = keywords.get_mut(keyword).and_then(Value::as_array_mut) {
            schemas.iter_mut().for_each(|schema| settle(schema, share));
        }
    }
    let of_items = share.map(|share| (share / 4).max(SHORTEST));
    for keyword in ["items", "additionalProperties"] {
        if let Some(schema) = keywords.get_mut(keyword) {
            settle(schema, of_items);
        }
    }
    if keywords.contains_key("enum") || keywords.contains_key("const") {
        return;
    }
    if names(keywords, "object") {
        settle_object(keywords, share);
    }
    if names(keywords, "integer") || names(keywords, "number") {
        settle_number(keywords);
    }
    if let Some(share) = share {
        bound(keywords, share, of_items);
    }
}

fn settle_object(keywords: &mut Map<String, Value>, share: Option<usize>) {
    let has = |keyword: &str| keywords.contains_key(keyword);
    let named = keywords
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| !properties.is_empty());
    match keywords.get("additionalProperties") {
        None | Some(Value::Bool(true)) if OPEN[1..].iter().any(|keyword| has(keyword)) => {}
        None | Some(Value::Bool(true)) if named => {
            keywords.insert("additionalProperties".into(), Value::Bool(false));
        }
        // Only this model's bounds ask for an end of the nesting.
        None | Some(Value::Bool(true)) if share.is_some() => {
            keywords.insert("additionalProperties".into(), open_value(DEPTH, share));
            keywords.entry("maxProperties").or_insert(json!(MOST_ITEMS));
        }
        _ => {}
    }
}

/// Ends to what a small model would go on with.
fn bound(keywords: &mut Map<String, Value>, share: usize, of_items: Option<usize>) {
    let free_string = ["maxLength", "pattern", "format"]
        .iter()
        .all(|keyword| !keywords.contains_key(*keyword));
    if names(keywords, "string") && free_string {
        let shortest = keywords
            .get("minLength")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        keywords.insert("maxLength".into(), json!(shortest.max(share as u64)));
    }
    if names(keywords, "array") {
        let fewest = keywords
            .get("minItems")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        keywords
            .entry("maxItems")
            .or_insert(json!(fewest.max(MOST_ITEMS)));
        keywords
            .entry("items")
            .or_insert_with(|| open_value(1, of_items));
    }
    let says_nothing = SAYING
        .iter()
        .all(|keyword| !keywords.contains_key(*keyword));
    if says_nothing {
        keywords.insert("anyOf".into(), open_value(1, of_items)["anyOf"].take());
    }
    if names(keywords, "number") {
        keywords.entry("multipleOf").or_insert(json!(FINEST));
    }
}

/// Limits within which a number is one for every reader: not 1e999, nor an integer of a hundred digits.
fn settle_number(keywords: &mut Map<String, Value>) {
    if !keywords.contains_key("exclusiveMinimum") {
        keywords.entry("minimum").or_insert(json!(-LARGEST));
    }
    if !keywords.contains_key("exclusiveMaximum") {
        keywords.entry("maximum").or_insert(json!(LARGEST));
    }
}

fn open_object(depth: usize, share: Option<usize>) -> Value {
    match share {
        None => json!({"type": "object"}),
        Some(_) => json!({
            "type": "object",
            "additionalProperties": open_value(depth.saturating_sub(1), share),
            "maxProperties": MOST_ITEMS,
        }),
    }
}

/// Any value, nested no deeper than `depth`.
fn open_value(depth: usize, share: Option<usize>) -> Value {
    let Some(longest) = share else {
        return json!(true);
    };
    let mut branches = vec![
        json!({"type": "string", "maxLength": longest}),
        json!({"type": "integer", "minimum": -LARGEST, "maximum": LARGEST}),
        json!({"type": "boolean"}),
        json!({"type": "null"}),
    ];
    if depth > 0 {
        let inner = open_value(depth - 1, share);
        branches.push(json!({"type": "array", "items": inner, "maxItems": MOST_ITEMS}));
        branches.push(open_object(depth, share));
    }
    json!({"anyOf": branches})
}
