//! What a schema asks for, in words.

use serde_json::Value;

use super::{literals_of, resolve, types_of};

/// What `schema` asks for, such as `a whole number of at least 1` or `one of "a", "b"`.
pub(super) fn describe(root: &Value, schema: &Value) -> String {
    let mut words = Vec::new();
    collect(root, schema, &mut words, 0);
    match words.split_last() {
        None => "a value".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
    }
}

fn collect(root: &Value, schema: &Value, words: &mut Vec<String>, depth: usize) {
    let schema = resolve(root, schema);
    let mut add = |word: String| {
        if !words.contains(&word) {
            words.push(word);
        }
    };
    let literals = literals_of(schema);
    if !literals.is_empty() {
        add(quoted(&literals));
        return;
    }
    if let Some(types) = types_of(schema) {
        for name in types {
            match name {
                "string" => add("a string".to_owned()),
                "boolean" => add("true or false".to_owned()),
                "array" => add("a list".to_owned()),
                "object" => add("an object".to_owned()),
                "integer" | "number" => add(describe_range(schema)),
                _ => {}
            }
        }
        return;
    }
    if depth < 8 {
        for keyword in ["anyOf", "oneOf", "allOf"] {
            let branches = schema.get(keyword).and_then(Value::as_array);
            for branch in branches.into_iter().flatten() {
                collect(root, branch, words, depth + 1);
            }
        }
    }
}

/// `"a"`, or `one of "a", "b"`.
pub(super) fn quoted(values: &[&Value]) -> String {
    let words: Vec<String> = values
        .iter()
        .filter(|value| !value.is_null())
        .map(ToString::to_string)
        .collect();
    if let [only] = words.as_slice() {
        only.clone()
    } else {
        format!("one of {}", words.join(", "))
    }
}

/// A number and the bounds that the schema spells out, such as `a whole number from 1 to 65535`.
pub(super) fn describe_range(schema: &Value) -> String {
    range(schema, (None, None))
}

/// A number and all its bounds, those of its size in memory included.
pub(super) fn describe_full_range(schema: &Value) -> String {
    range(schema, format_bounds(schema))
}

fn range(schema: &Value, implied: (Option<f64>, Option<f64>)) -> String {
    let whole = types_of(schema).is_some_and(|types| types.contains(&"integer"));
    let noun = if whole { "a whole number" } else { "a number" };
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let least = bound("minimum").or(implied.0);
    let most = bound("maximum").or(implied.1);
    let mut words = match (least, most) {
        (Some(least), Some(most)) => format!("{noun} from {least} to {most}"),
        (Some(least), None) => format!("{noun} of at least {least}"),
        (None, Some(most)) => format!("{noun} of at most {most}"),
        (None, None) => noun.to_owned(),
    };
    if let Some(least) = bound("exclusiveMinimum") {
        words.push_str(&format!(" greater than {least}"));
    }
    if let Some(most) = bound("exclusiveMaximum") {
        words.push_str(&format!(" less than {most}"));
    }
    words
}

/// The bounds that the `format` of a whole number implies, where the schema does not spell them out.
pub(super) fn format_bounds(schema: &Value) -> (Option<f64>, Option<f64>) {
    match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => (Some(0.0), Some(f64::from(u8::MAX))),
        Some("uint16") => (Some(0.0), Some(f64::from(u16::MAX))),
        Some("uint32") => (Some(0.0), Some(f64::from(u32::MAX))),
        Some("uint64" | "uint" | "uint128") => (Some(0.0), None),
        Some("int8") => (Some(f64::from(i8::MIN)), Some(f64::from(i8::MAX))),
        Some("int16") => (Some(f64::from(i16::MIN)), Some(f64::from(i16::MAX))),
        Some("int32") => (Some(f64::from(i32::MIN)), Some(f64::from(i32::MAX))),
        _ => (None, None),
    }
}

/// The shapes of text that the schema asks for, in words.
const SHAPES: [(&str, &str); 7] = [
    (
        r"^\s*\d+(\.\d+)?(ms|s|m|h|d)?\s*$",
        "a duration such as \"30m\" (units ms, s, m, h, d)",
    ),
    (
        r"^-?[0-9]+(ms|s|m|h)?$",
        "a number of seconds or a duration such as \"30m\" (units ms, s, m, h), or \"-1\"",
    ),
    (
        r"^([01]\d|2[0-3]):[0-5]\d$",
        "a time of day such as \"08:30\"",
    ),
    (
        r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$",
        "a time of day such as \"22:00\", at most \"24:00\"",
    ),
    (r"^#?[0-9a-fA-F]{6}$", "a hex color (RRGGBB)"),
    (r"^[a-z0-9-]+$", "a name of small letters, digits and \"-\""),
    (
        r"^\s*/?[A-Za-z0-9_]{1,32}\s*$",
        "a command name of at most 32 letters, digits and \"_\"",
    ),
];

/// What text `pattern` asks for.
pub(super) fn pattern_words(pattern: &str) -> String {
    SHAPES
        .iter()
        .find(|(known, _)| *known == pattern)
        .map_or_else(
            || format!("text that matches {pattern}"),
            |(_, words)| (*words).to_owned(),
        )
}
