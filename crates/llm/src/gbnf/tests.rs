#![allow(clippy::unwrap_used)]

mod notation;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::*;
use crate::dialect::Decoder;
use crate::message::{Message, ToolCall};
use crate::model::{Api, Model};
use crate::request::Request;
use notation::Grammar;

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters,
    }
}

fn weather() -> ToolSpec {
    tool(
        "get_weather",
        json!({"type": "object", "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "say \"K\"\n"]},
            "days": {"type": "integer"},
        }, "required": ["city"]}),
    )
}

fn ping() -> ToolSpec {
    tool("ping", json!({"type": "object", "properties": {}}))
}

fn tools() -> Vec<ToolSpec> {
    let trip = json!({"type": "object", "properties": {
        "note": {"type": "string"},
        "stops": {"type": "array", "items": {"type": "object", "properties": {
            "place": {"type": "string"}, "nights": {"type": "integer"},
        }, "required": ["nights"]}},
        "budget": {"type": "number"},
        "more": {"description": "Whatever."},
        "free": {"type": "object"},
    }, "required": ["stops", "more"]});
    vec![weather(), ping(), tool("plan", trip)]
}

fn call(name: &str, arguments: &str) -> String {
    CallForm::HERMES.write(std::iter::once(&ToolCall {
        id: String::new(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }))
}

fn of(choice: &ToolChoice, bound: Option<u64>) -> Grammar {
    Grammar::read(&grammar(&tools(), choice, bound).unwrap())
}

#[test]
fn words_then_calls_or_none() {
    let auto = of(&ToolChoice::Auto, None);
    let paris = call("get_weather", r#"{"city": "Paris"}"#);
    for whole in [
        "Hello, how can I help?".to_owned(),
        "a < b, <b>bold</b>, <tool_ca, <<tool_call, <tool<tool_cal".to_owned(),
        "😀\n\n1. <tool>".to_owned(),
        "<think>Hm.</think>\n\nYes.".to_owned(),
        paris.clone(),
        format!("\n{paris}"),
        format!("Let me look.\n{paris}"),
        format!("Let me look. {paris}"),
        format!("<think>\nA tool?\n</think>\n\n{paris}"),
        format!("{paris}\n{}", call("ping", "{}")),
        call(
            "get_weather",
            r#"{"city": "\"\\\u00e9\ud83d\ude00<tool_call>", "unit": "say \"K\"\n", "days": -3}"#,
        ),
        call(
            "plan",
            r#"{"stops": [], "more": {"a": [1, null, "x"]}, "free": {}}"#,
        ),
        call(
            "plan",
            r#"{"note": "", "stops": [{"place": "x", "nights": 0}, {"nights": 1}], "budget": -0.25, "more": true}"#,
        ),
    ] {
        assert!(auto.takes(&whole), "{whole}");
    }
    for refused in [
        "",
        " \n",
        "<tool_call>",
        "See <tool_call> there",
        "Look:<tool_call>\n{\"name\": \"ping\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call>",
        &format!("{paris} and now?"),
        &call("pong", "{}"),
        &call("ping", r#"{"loud": true}"#),
        &call("get_weather", "{}"),
        &call("get_weather", r#"{"city": "x", "unit": "kelvin"}"#),
        &call("get_weather", r#"{"city": "x", "days": 01}"#),
        &call("get_weather", r#"{"city": "x", "days": 1.5}"#),
        &call("get_weather", r#"{"city": "x", }"#),
        &call("get_weather", r#"{"city": "\ud83d"}"#),
        &call("get_weather", "{\"city\": \"a\nb\"}"),
        &call("plan", r#"{"stops": [{"place": "x"}], "more": 1}"#),
        &call("plan", r#"{"more": 1, "stops": []}"#),
        &vec![call("ping", "{}"); MOST_CALLS + 1].join("\n"),
    ] {
        assert!(!auto.takes(refused), "{refused}");
    }
}

#[test]
fn what_must_be_called_and_what_must_not() {
    let paris = call("get_weather", r#"{"city": "Paris"}"#);
    let required = of(&ToolChoice::Required, None);
    assert!(required.takes(&paris) && required.takes(&call("ping", "{}")));
    assert!(!required.takes("No."));
    let named = of(&ToolChoice::Named("ping".into()), None);
    assert!(named.takes(&call("ping", "{}")) && !named.takes(&paris));
    let none = of(&ToolChoice::None, None);
    assert!(none.takes("Fine. <b>") && !none.takes(&paris) && !none.takes(&format!("x\n{paris}")));
    let unknown = ToolChoice::Named("pong".into());
    assert_eq!(grammar(&tools(), &unknown, None), None);
    assert_eq!(grammar(&[], &ToolChoice::Required, None), None);
}

#[test]
fn a_small_model_s_values_end() {
    let grammar = of(&ToolChoice::Auto, Some(96));
    let city = |length| {
        call(
            "get_weather",
            &format!(r#"{{"city": "{}"}}"#, "a".repeat(length)),
        )
    };
    assert!(grammar.takes(&city(96)) && !grammar.takes(&city(97)));
    let stops = |count| {
        let stops = vec![r#"{"nights": 1}"#; count].join(", ");
        call("plan", &format!(r#"{{"stops": [{stops}], "more": 1}}"#))
    };
    assert!(grammar.takes(&stops(8)) && !grammar.takes(&stops(9)));
    assert!(!grammar.takes(&vec![call("ping", "{}"); 2].join("\n")));
}

/// The JSON of a value in the layout of the form.
fn laid_out(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(laid_out).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), laid_out(value))
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        plain => plain.to_string(),
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "\\PC{0,6}", "[\n\t\"\\\\/<>{}]{0,6}"]
}

fn any_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        any_text().prop_map(Value::from),
        (-999_999_999_999_999i64..=999_999_999_999_999).prop_map(Value::from),
        (-9_999_999i32..9_999_999).prop_map(|n| Value::from(f64::from(n) / 1000.0)),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(any_text(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

/// A schema, and a value that it allows.
fn schema_and_value() -> BoxedStrategy<(Value, Value)> {
    let leaf = prop_oneof![
        any_text().prop_map(|text| (json!({"type": "string"}), text.into())),
        (-999_999_999_999_999i64..=999_999_999_999_999)
            .prop_map(|n| (json!({"type": "integer"}), n.into())),
        (-9_999_999i32..9_999_999)
            .prop_map(|n| (json!({"type": "number"}), (f64::from(n) / 1000.0).into())),
        any::<bool>().prop_map(|yes| (json!({"type": "boolean"}), yes.into())),
        (prop::collection::vec(any_text(), 1..4), any::<Index>()).prop_map(|(all, one)| {
            let one = one.get(&all).clone();
            (json!({"type": "string", "enum": all}), one.into())
        }),
        any_value().prop_map(|value| (json!({"description": "Any."}), value)),
        prop::collection::btree_map(any_text(), any_value(), 0..3).prop_map(|map| (
            json!({"type": "object"}),
            Value::Object(map.into_iter().collect())
        )),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            // One item's schema is for all of them.
            (inner.clone(), 0usize..3).prop_map(|((schema, value), count)| (
                json!({"type": "array", "items": schema}),
                Value::from(vec![value; count])
            )),
            object(inner),
        ]
    })
    .boxed()
}

/// An object's schema, and an object with its required properties and some of the others.
fn object(inner: impl Strategy<Value = (Value, Value)>) -> impl Strategy<Value = (Value, Value)> {
    let member = (inner, any::<bool>(), any::<bool>());
    prop::collection::btree_map(any_text(), member, 0..4).prop_map(|members| {
        let (mut properties, mut required, mut value) = (Map::new(), Vec::new(), Map::new());
        for (name, ((schema, one), is_required, is_there)) in members {
            properties.insert(name.clone(), schema);
            if is_required {
                required.push(name.clone());
            }
            if is_required || is_there {
                value.insert(name, one);
            }
        }
        let schema = json!({"type": "object", "properties": properties, "required": required});
        (schema, Value::Object(value))
    })
}

fn read(text: &str, tools: &[ToolSpec], tools_as_text: bool) -> (Vec<ToolCall>, String) {
    let config = serde_json::from_value(json!({"models": {"providers": {
        "box": {"baseUrl": "http://127.0.0.1:9/v1", "models": [{"id": "m", "name": "M"}]}
    }}}));
    let model = crate::Catalog::new(&config.unwrap(), &[])
        .model(&crate::ModelRef::new("box", "m"))
        .unwrap();
    let mut model = Model {
        api: Api::OpenAiCompletions,
        ..model
    };
    model.repairs.tools_as_text = tools_as_text;
    let request = Request {
        messages: vec![Message::user("hi", 0)],
        tools: tools.to_vec(),
        ..Request::default()
    };
    let mut decoder = Decoder::new(&model, &request, 7);
    let body = json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]});
    decoder.feed(body.to_string().as_bytes());
    let message = decoder.finish(&mut Vec::new()).unwrap().message;
    (message.tool_calls().cloned().collect(), message.text())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn all_arguments_that_a_schema_allows_can_be_written((schema, value) in object(schema_and_value())) {
        let tools = [ping(), tool("f", schema.clone())];
        let text = grammar(&tools, &ToolChoice::Auto, None).unwrap();
        let written = call("f", &laid_out(&value));
        prop_assert!(Grammar::read(&text).takes(&written), "{}\n{}\n{}", schema, written, text);
    }

    /// However badly a model chooses, its calls are valid, and its words show nothing of them.
    #[test]
    fn whatever_can_be_written_is_words_and_valid_calls(
        picks in prop::collection::vec(any::<Index>(), 64),
        (schema, _) in object(schema_and_value()),
        bound in prop::option::of(Just(64)),
    ) {
        let mut tools = tools();
        tools.push(tool("f", schema));
        let text = grammar(&tools, &ToolChoice::Required, bound).unwrap();
        let written = Grammar::read(&text).derive(&picks);
        let (calls, words) = read(&written, &tools, false);
        prop_assert!(!calls.is_empty(), "{}", written);
        prop_assert_eq!(words, "");
        let behind_words = format!("Let me see: a < b.\n{written}");
        let (behind, words) = read(&behind_words, &tools, true);
        prop_assert_eq!(
            behind.iter().map(|call| (&call.name, &call.arguments)).collect::<Vec<_>>(),
            calls.iter().map(|call| (&call.name, &call.arguments)).collect::<Vec<_>>()
        );
        prop_assert_eq!(words, "Let me see: a < b.\n");
    }
}
