#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What holds for every schema that models are offered, built in or from a server. `Err` says where it does not.
pub(crate) fn lint(schema: &Value) -> Result<(), String> {
    if schema["type"] != "object"
        || !schema["properties"].is_object()
        || !schema["required"].is_array()
    {
        return Err(format!("no object with properties and required: {schema}"));
    }
    lint_place(schema, "")
}

fn lint_place(schema: &Value, at: &str) -> Result<(), String> {
    let keys = schema.as_object().ok_or(format!("{at}: {schema}"))?;
    let kind = keys.get("type").and_then(Value::as_str);
    let Some(kind) = kind else {
        return Err(format!("{at} has no plain type: {schema}"));
    };
    for (key, value) in keys {
        let is_right = match (key.as_str(), kind) {
            ("type", _) => {
                ["object", "array", "string", "integer", "number", "boolean"].contains(&kind)
            }
            ("description", _) => value.as_str().is_some_and(|text| !text.is_empty()),
            ("enum", "string") => value.as_array().is_some_and(|words| {
                !words.is_empty()
                    && words
                        .iter()
                        .all(|word| word.as_str().is_some_and(|w| !w.is_empty()))
            }),
            ("items", "array") | ("properties" | "required", "object") => true,
            _ => false,
        };
        if !is_right {
            return Err(format!("{at}: {key} of {schema}"));
        }
    }
    if kind == "array" {
        lint_place(
            schema.get("items").unwrap_or(&Value::Null),
            &format!("{at}[]"),
        )?;
    }
    let Some(properties) = keys.get("properties") else {
        return match keys.get("required") {
            None => Ok(()),
            Some(_) => Err(format!("{at}: required without properties")),
        };
    };
    let properties = properties.as_object().ok_or(format!("{at}: {schema}"))?;
    for name in keys
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if !name
            .as_str()
            .is_some_and(|name| properties.contains_key(name))
        {
            return Err(format!("{at}: {name} is required and not there"));
        }
    }
    for (name, property) in properties {
        if !is_usable(name) {
            return Err(format!("{at}: the name {name:?}"));
        }
        lint_place(property, &format!("{at}.{name}"))?;
    }
    Ok(())
}

fn of_property(property: Value) -> Value {
    let schema = json!({
        "type": "object",
        "properties": {"x": property},
        "$defs": {
            "Point": {"type": "object", "description": "A point.", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"]},
            "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
        },
    });
    let simple = simplify(&schema).unwrap();
    lint(&simple).unwrap();
    simple["properties"]["x"].clone()
}

#[test]
fn the_programs_own_tools_have_such_schemas() {
    use moltbot_agent::Tool as _;
    let folders = crate::Folders::new("/home/me".into(), Vec::new());
    let documents = crate::documents::DocumentReader::new("/nowhere".into(), Vec::new());
    let mut specs: Vec<_> = crate::file_tools(folders, documents)
        .iter()
        .map(|tool| tool.spec())
        .collect();
    let table = std::sync::Arc::new(crate::ProcessTable::new("/tmp"));
    specs.push(crate::ProcessTool::new(table).spec());
    for spec in specs {
        // What they leave out is what they do not need.
        let mut parameters = spec.parameters.clone();
        parameters
            .as_object_mut()
            .unwrap()
            .entry("required")
            .or_insert(json!([]));
        lint(&parameters).unwrap_or_else(|wrong| panic!("{}: {wrong}", spec.name));
    }
}

#[test]
fn each_form_becomes_a_plain_one() {
    for (schema, simple) in [
        (
            json!({"type": "string", "format": "uri", "pattern": "^h", "default": "x", "minLength": 1, "title": "X"}),
            json!({"type": "string"}),
        ),
        (
            json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": null, "description": "How many."}),
            json!({"type": "integer", "description": "How many."}),
        ),
        (
            json!({"type": ["string", "null"]}),
            json!({"type": "string"}),
        ),
        (
            json!({"type": ["integer", "number"]}),
            json!({"type": "number"}),
        ),
        (
            json!({"type": ["string", "integer"]}),
            json!({"type": "string", "description": "Text, or JSON: integer."}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
            json!({"type": "array", "items": {"type": "string"}}),
        ),
        (
            json!({"anyOf": [{"const": "a"}, {"const": "b"}]}),
            json!({"type": "string", "enum": ["a", "b"]}),
        ),
        (
            json!({"enum": ["a", "b", "a"]}),
            json!({"type": "string", "description": "One of \"a\", \"b\", \"a\"."}),
        ),
        (
            json!({"enum": ["a", "b", null]}),
            json!({"type": "string", "enum": ["a", "b"]}),
        ),
        (
            json!({"enum": [1, 2]}),
            json!({"type": "integer", "description": "One of 1, 2."}),
        ),
        (
            json!({"$ref": "#/$defs/Point"}),
            json!({"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"], "description": "A point."}),
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/Point"}], "description": "Where."}),
            json!({"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"], "description": "Where."}),
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object"}),
        ),
        (
            json!({"type": "array"}),
            json!({"type": "array", "items": {"type": "string", "description": "Any value, written as JSON."}}),
        ),
        (
            json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}),
            json!({"type": "array", "items": {"type": "number"}}),
        ),
        (
            json!({}),
            json!({"type": "string", "description": "Any value, written as JSON."}),
        ),
        (
            json!(true),
            json!({"type": "string", "description": "Any value, written as JSON."}),
        ),
        (
            json!({"oneOf": [
                {"type": "object", "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}, "required": ["kind", "n"]},
                {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"]},
            ]}),
            json!({"type": "object", "properties": {"kind": {"type": "string", "enum": ["a", "b"]}, "n": {"type": "integer"}}, "required": ["kind"]}),
        ),
        (
            json!({"$ref": "#/nowhere"}),
            json!({"type": "string", "description": "Any value, written as JSON."}),
        ),
        (
            json!({"type": "string", "description": "a\u{200b}b\n\tc\u{e0041}"}),
            json!({"type": "string", "description": "ab c"}),
        ),
    ] {
        assert_eq!(of_property(schema.clone()), simple, "{schema}");
    }
}

#[test]
fn what_refers_to_itself_comes_to_an_end() {
    let tree = of_property(json!({"$ref": "#/$defs/Tree"}));
    assert_eq!(tree["properties"]["children"]["items"]["type"], "object");
    let round = json!({"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}});
    lint(&simplify(&round).unwrap()).unwrap();
    let all: serde_json::Map<String, Value> = (0..40)
        .map(|n| (format!("p{n}"), json!({"$ref": "#"})))
        .collect();
    let bush = json!({"type": "object", "properties": all});
    lint(&simplify(&bush).unwrap()).unwrap();
}

#[test]
fn what_is_large_loses_words_then_depth_then_what_may_be_left_out() {
    let long = "word ".repeat(100);
    let many: serde_json::Map<String, Value> = (0..200)
        .map(|n| {
            (
                format!("parameter_{n}"),
                json!({"type": "string", "description": long}),
            )
        })
        .collect();
    let schema = json!({"type": "object", "properties": many, "required": ["parameter_150"]});
    let simple = simplify(&schema).unwrap();
    lint(&simple).unwrap();
    assert!(simple.to_string().len() <= LARGEST);
    assert!(
        simple["properties"]["parameter_150"].is_object()
            && simple["properties"]["parameter_0"].is_object()
    );
    assert!(simple["properties"].get("parameter_199").is_none());

    let few =
        json!({"type": "object", "properties": {"a": {"type": "string", "description": long}}});
    let description = simplify(&few).unwrap()["properties"]["a"]["description"]
        .as_str()
        .unwrap()
        .len();
    assert!((150..=210).contains(&description), "{description}");
}

#[test]
fn a_tool_that_needs_what_models_cannot_be_told_is_none() {
    let odd = json!({"type": "object", "properties": {"file path": {"type": "string"}}, "required": ["file path"]});
    assert_eq!(simplify(&odd), None);
    let optional = json!({"type": "object", "properties": {"file path": {"type": "string"}, "b": {"type": "string"}}});
    assert_eq!(
        simplify(&optional).unwrap()["properties"],
        json!({"b": {"type": "string"}})
    );
    let many: Vec<String> = (0..300).map(|n| format!("parameter_{n}")).collect();
    let properties: serde_json::Map<String, Value> =
        many.iter().map(|n| (n.clone(), json!({}))).collect();
    assert_eq!(
        simplify(&json!({"properties": properties, "required": many})),
        None
    );
}

#[test]
fn whatever_the_whole_says_it_is_an_object() {
    for schema in [
        json!({}),
        json!({"type": "string"}),
        json!(null),
        json!([1]),
        json!({"$ref": "#"}),
    ] {
        assert_eq!(
            simplify(&schema).unwrap(),
            json!({"type": "object", "properties": {}, "required": []}),
            "{schema}"
        );
    }
    let either = json!({"anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
    ]});
    assert_eq!(
        simplify(&either).unwrap(),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": []})
    );
    let one_needed = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}]});
    assert_eq!(
        simplify(&one_needed).unwrap()["properties"]
            .as_object()
            .unwrap()
            .len(),
        2
    );
}

fn any_schema() -> impl Strategy<Value = Value> {
    let kinds = [
        "string", "integer", "number", "boolean", "null", "object", "array", "nonsense",
    ];
    let leaf = prop_oneof![
        prop::sample::select(kinds.to_vec()).prop_map(|kind| json!({"type": kind})),
        prop::collection::vec(prop::sample::select(kinds.to_vec()), 0..3)
            .prop_map(|kinds| json!({"type": kinds})),
        prop::sample::select(vec![
            "#",
            "#/$defs/a",
            "#/properties/x",
            "other.json",
            "#/nowhere"
        ])
        .prop_map(|target| json!({"$ref": target})),
        Just(json!({"enum": ["a", "", 1, null, {"b": 2}]})),
        Just(json!({"const": 5})),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        any::<String>()
            .prop_map(|text| json!({"type": "string", "description": text, "format": "uri"})),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        let name = prop_oneof!["[a-z]{1,3}", any::<String>(), Just("x".to_owned())];
        let named = prop::collection::btree_map(name, inner.clone(), 0..4);
        prop_oneof![
            (prop::sample::select(vec!["anyOf", "oneOf", "allOf", "prefixItems"]), list.clone())
                .prop_map(|(key, list)| json!({key: list})),
            (named.clone(), prop::collection::vec("[a-z]{1,3}", 0..3), any::<bool>()).prop_map(|(named, required, extra)| {
                json!({"type": "object", "properties": named, "required": required, "additionalProperties": extra})
            }),
            (inner.clone(), named, list).prop_map(|(item, named, list)| {
                json!({"items": item, "$defs": named, "anyOf": list, "not": {}, "if": {}, "default": []})
            }),
            inner.prop_map(|item| json!({"type": ["array", "null"], "items": item, "minItems": 1})),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_becomes_one_that_every_server_takes(schema in any_schema()) {
        if let Some(simple) = simplify(&schema) {
            prop_assert_eq!(lint(&simple), Ok(()));
            prop_assert!(simple.to_string().len() <= LARGEST);
            // What is plain already stays as it is.
            prop_assert_eq!(lint(&simplify(&simple).unwrap()), Ok(()));
        }
    }
}
