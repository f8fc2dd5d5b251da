#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::opening::{LAST, Opening, look};
use super::{Call, recover, schema};
use crate::request::ToolSpec;

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters,
    }
}

/// The weather tool with this schema of its city.
fn weather(city: Value) -> ToolSpec {
    tool(
        "get_weather",
        json!({
            "type": "object",
            "properties": {"city": city, "days": {"type": "integer"}},
            "required": ["city"],
            "additionalProperties": false,
        }),
    )
}

fn tools() -> Vec<ToolSpec> {
    let light = json!({
        "type": "object",
        "properties": {
            "on": {"type": "boolean"},
            "level": {"type": "number"},
            "rooms": {"type": "array", "items": {"type": "string"}},
            "mode": {"enum": ["warm", "cold"]},
            "note": {"type": ["string", "null"]},
            "scene": {"type": "object"},
        },
    });
    vec![
        weather(json!({"type": "string"})),
        tool("get_weather_map", json!({"type": "object"})),
        tool("set_light", light),
        tool("ping", json!({})),
    ]
}

/// One call for Paris and three days, as each family writes it.
const PARIS: &[&str] = &[
    "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 3}}\n</tool_call>",
    r#"<tool_call>{"arguments":{"city":"Paris","days":3},"name":"get_weather"}</tool_call>"#,
    r#"<tool_call>{"name":"get_weather","arguments":"{\"city\":\"Paris\",\"days\":3}"}</tool_call>"#,
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
    "<function=get_weather><parameter=city>Paris</parameter><parameter=days>3</parameter></function>",
    r#"[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}]"#,
    r#"[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}, "id": "a1B2c3D4e"}]"#,
    r#"[TOOL_CALLS]get_weather[ARGS]{"city": "Paris", "days": 3}"#,
    r#"[TOOL_CALLS]get_weather[CALL_ID]a1B2c3D4e[ARGS]{"city": "Paris", "days": 3}"#,
    r#"[TOOL_CALLS]get_weather{"city": "Paris", "days": 3}"#,
    r#"<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris", "days": 3}}"#,
    r#"{"name": "get_weather", "parameters": {"city": "Paris", "days": 3}}"#,
    r#"{"type": "function", "name": "get_weather", "parameters": {"city": "Paris", "days": 3}}"#,
    r#"[get_weather(city="Paris", days=3)]"#,
    "[get_weather(city='Paris', days=3,)]",
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Paris\", \"days\": 3}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Paris\", \"days\": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
    "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value><arg_key>days</arg_key><arg_value>3</arg_value></tool_call>",
    r#"<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Paris", "days": 3}<|tool_call_end|><|tool_calls_section_end|>"#,
    "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n<parameter name=\"days\">3</parameter>\n</invoke>\n</minimax:tool_call>",
    r#"[get_weather]{"city": "Paris", "days": 3}[END_TOOL_REQUEST]"#,
    r#"[TOOL_REQUEST]{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}[END_TOOL_REQUEST]"#,
];

/// Two calls, as each family writes them.
const BOTH: &[&str] = &[
    r#"<tool_call>{"name":"get_weather","arguments":{"city":"Rome"}}</tool_call>
<tool_call>{"name":"ping"}</tool_call>"#,
    "<tool_call><function=get_weather><parameter=city>Rome</parameter></function></tool_call>\n<tool_call><function=ping></function></tool_call>",
    r#"[TOOL_CALLS][{"name":"get_weather","arguments":{"city":"Rome"}},{"name":"ping","arguments":{}}]"#,
    r#"[TOOL_CALLS]get_weather[ARGS]{"city":"Rome"}[TOOL_CALLS]ping[ARGS]{}"#,
    r#"{"name":"get_weather","parameters":{"city":"Rome"}}; {"name":"ping","parameters":{}}"#,
    r#"[get_weather(city="Rome"), ping()]"#,
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\":\"Rome\"}<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>ping<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Rome</arg_value></tool_call>\n<tool_call>ping\n</tool_call>",
    r#"<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city":"Rome"}<|tool_call_end|><|tool_call_begin|>functions.ping:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>"#,
    r#"<minimax:tool_call><invoke name="get_weather"><parameter name="city">Rome</parameter></invoke><invoke name="ping"></invoke></minimax:tool_call>"#,
    r#"[get_weather]{"city":"Rome"}[END_TOOL_REQUEST] [ping]{}[END_TOOL_REQUEST]"#,
];

fn may_begin(text: &str, tools: &[ToolSpec]) -> bool {
    look(text, tools) != Opening::Absent
}

#[track_caller]
fn read(text: &str) -> Vec<(String, Value)> {
    let calls = recover(text, &tools()).unwrap_or_else(|| panic!("no call: {text}"));
    calls
        .into_iter()
        .map(|call| (call.name, serde_json::from_str(&call.arguments).unwrap()))
        .collect()
}

#[track_caller]
fn light(text: &str) -> Value {
    match read(text).as_slice() {
        [(name, arguments)] if name == "set_light" => arguments.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_family_s_call_is_read() {
    let expected = [(
        "get_weather".to_owned(),
        json!({"city": "Paris", "days": 3}),
    )];
    for text in PARIS {
        assert_eq!(read(text), expected, "{text}");
        assert_eq!(read(&format!("\n {text}\n\n")), expected, "{text}");
        assert_eq!(read(&format!("{text}<|im_end|>\n")), expected, "{text}");
    }
}

#[test]
fn every_family_s_calls_are_read_in_order() {
    for text in BOTH {
        assert_eq!(
            read(text),
            [
                ("get_weather".to_owned(), json!({"city": "Rome"})),
                ("ping".to_owned(), json!({}))
            ],
            "{text}"
        );
    }
}

#[test]
fn arguments_written_as_json_are_kept_to_the_byte() {
    let text = r#"<tool_call>{"name": "get_weather", "arguments": { "city" : "Z\u00fcrich" }}</tool_call>"#;
    assert_eq!(
        recover(text, &tools()),
        Some(vec![Call {
            name: "get_weather".to_owned(),
            arguments: r#"{ "city" : "Z\u00fcrich" }"#.to_owned(),
        }])
    );
}

#[test]
fn a_call_of_a_tool_that_was_not_offered_is_text() {
    let others = [
        tool("get_weather_map", json!({})),
        tool("weather", json!({})),
    ];
    for text in PARIS {
        assert_eq!(recover(text, &others), None, "{text}");
        assert_eq!(recover(text, &[]), None, "{text}");
    }
    // Nor is one of two enough.
    for text in BOTH {
        assert_eq!(recover(text, &tools()[..1]), None, "{text}");
    }
}

#[test]
fn a_call_whose_arguments_do_not_validate_is_text() {
    let closed =
        json!({"type": "object", "properties": {"city": {}}, "additionalProperties": false});
    let more = json!({"type": "object", "required": ["city", "country"]});
    for offered in [
        weather(json!({"type": "integer"})),
        weather(json!({"type": "array", "items": {"type": "string"}})),
        weather(json!({"enum": ["Rome", "Oslo"]})),
        weather(json!(false)),
        tool("get_weather", closed),
        tool("get_weather", more),
    ] {
        for text in PARIS {
            let offered = std::slice::from_ref(&offered);
            assert_eq!(recover(text, offered), None, "{text} for {offered:?}");
        }
    }
}

#[test]
fn a_call_in_prose_code_or_quotes_is_text() {
    for text in PARIS.iter().chain(BOTH) {
        for quoted in [
            format!("Let me look.\n{text}"),
            format!("{text}\nThat is how it looks."),
            format!("{text}."),
            format!("```\n{text}\n```"),
            format!("```json\n{text}\n```"),
            format!("`{text}`"),
            format!("\"{text}\""),
            format!("'{text}'"),
            format!("“{text}”"),
            format!("> {text}"),
            format!("- {text}"),
        ] {
            assert_eq!(recover(&quoted, &tools()), None, "{quoted}");
        }
    }
}

#[test]
fn a_call_that_breaks_off_is_text() {
    for text in PARIS {
        for (cut, _) in text.char_indices() {
            assert_eq!(recover(&text[..cut], &tools()), None, "{}", &text[..cut]);
        }
    }
}

#[test]
fn every_beginning_of_a_call_is_held_back() {
    for text in PARIS.iter().chain(BOTH) {
        let mut before = Opening::Partial;
        for (at, c) in text.char_indices() {
            let now = look(&text[..at + c.len_utf8()], &tools());
            assert!(now >= before, "{}", &text[..at]);
            if now > before {
                assert!(LAST.contains(&c), "an opening ends with {c}: {text}");
            }
            before = now;
        }
        assert_eq!(before, Opening::Whole, "{text}");
    }
}

#[test]
fn what_no_call_begins_with_is_not_held_back() {
    for text in [
        "Hello",
        "<b>",
        "<table>",
        "<function=unknown>",
        "[1, 2, 3]",
        "[a link](https://example.com)",
        "[ping](https://example.com)",
        "[pong(",
        "[x] done",
        "{}",
        "{\"city\": 1",
        "{\"name\": \"Anna\"",
        "{\"type\": \"object\"",
        "```",
        "`<tool_call>`",
        "\"",
    ] {
        assert!(!may_begin(text, &tools()), "{text}");
    }
}

#[test]
fn values_written_as_text_take_the_type_that_the_schema_gives() {
    let call = |pairs: &[(&str, &str)]| {
        let pairs: String = pairs
            .iter()
            .map(|(key, value)| format!("<parameter={key}>\n{value}\n</parameter>\n"))
            .collect();
        light(&format!("<function=set_light>\n{pairs}</function>"))
    };
    assert_eq!(
        call(&[
            ("on", "True"),
            ("level", "0.5"),
            ("rooms", r#"["hall", "attic"]"#),
            ("mode", "warm"),
            ("note", "12"),
            ("scene", r#"{"a": [1]}"#),
            ("other", "plain words"),
        ]),
        json!({
            "on": true, "level": 0.5, "rooms": ["hall", "attic"], "mode": "warm", "note": "12",
            "scene": {"a": [1]}, "other": "plain words",
        })
    );
    assert_eq!(call(&[("note", "null")]), json!({"note": null}));
    assert_eq!(
        call(&[("note", "  two\n\nlines ")]),
        json!({"note": "  two\n\nlines "})
    );
    let wrong = "<function=set_light><parameter=on>perhaps</parameter></function>";
    assert_eq!(recover(wrong, &tools()), None);
    let twice = "<function=set_light><parameter=on>true</parameter><parameter=on>false</parameter></function>";
    assert_eq!(recover(twice, &tools()), None);
}

#[test]
fn a_value_may_hold_its_own_closing_tag() {
    assert_eq!(
        light("<function=set_light><parameter=note>a</parameter>b</parameter></function>"),
        json!({"note": "a</parameter>b"})
    );
}

#[test]
fn python_literals_are_read() {
    assert_eq!(
        light(
            r#"[set_light(on=False, level=-1.5e1, rooms=["a", 'b"\'c'], note="\u00e9\n\x41\d", scene={"k": None, 'l': {},})]"#
        ),
        json!({
            "on": false, "level": -15.0, "rooms": ["a", "b\"'c"], "note": "é\nA\\d",
            "scene": {"k": null, "l": {}},
        })
    );
    for text in [
        "[set_light(true)]",
        "[set_light(=true)]",
        "[set_light(on=True, on=True)]",
        "[set_light(on=os.remove('x'))]",
        "[set_light(level=1+1)]",
        "[set_light(note=\"open)]",
        "[set_light(on=True), ]x",
        "set_light(on=True)",
        "[]",
    ] {
        assert_eq!(recover(text, &tools()), None, "{text}");
    }
    let deep = format!("[ping(a={}1{})]", "[".repeat(9_000), "]".repeat(9_000));
    assert_eq!(recover(&deep, &tools()), None);
}

#[test]
fn bare_data_with_a_name_is_no_call() {
    for text in [
        r#"{"name": "ping"}"#,
        r#"{"name": "ping", "parameters": [1]}"#,
        r#"{"name": "ping", "age": 3}"#,
        r#"{"name": "ping", "parameters": {}, "age": 3}"#,
    ] {
        assert_eq!(recover(text, &tools()), None, "{text}");
    }
}

#[test]
fn the_schema_decides_by_the_keywords_it_knows() {
    let schema = json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 3},
            "list": {"type": "array", "items": {"enum": [1, "a"]}},
            "inner": {"type": "object", "required": ["x"], "additionalProperties": {"type": "null"}},
        },
        "required": ["n"],
    });
    for good in [
        json!({"n": 1}),
        json!({"n": 2.0, "list": [1, "a"], "more": [{}]}),
        json!({"n": 1, "inner": {"x": null}}),
    ] {
        assert!(schema::accepts(&schema, &good), "{good}");
    }
    for bad in [
        json!([]),
        json!({}),
        json!({"n": "1"}),
        json!({"n": 1.5}),
        json!({"n": 1, "list": [2]}),
        json!({"n": 1, "inner": {}}),
        json!({"n": 1, "inner": {"x": 1}}),
    ] {
        assert!(!schema::accepts(&schema, &bad), "{bad}");
    }
    let patterned = json!({"patternProperties": {"^x": {}}, "additionalProperties": false});
    assert!(schema::accepts(&patterned, &json!({"x1": 1})));
    assert!(!schema::accepts(
        &json!({"additionalProperties": false}),
        &json!({"x1": 1})
    ));
}

/// Samples cut into pieces and put together anew, with things between that are in the forms' own language.
fn scrap() -> impl Strategy<Value = String> {
    let sample = prop::sample::select([PARIS, BOTH].concat());
    let token = prop::sample::select(vec![
        "<tool_call>",
        "</tool_call>",
        "<function=",
        "get_weather",
        "ping",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"name\":",
        "\"",
        "'",
        "\\",
        ",",
        "=",
        "1",
        "city",
        "[TOOL_CALLS]",
        "[ARGS]",
        "<｜tool▁sep｜>",
        "<parameter=city>",
        "</parameter>",
        "</function>",
        "é",
        " ",
        "\n",
    ]);
    prop_oneof![
        3 => token.prop_map(str::to_owned),
        2 => (sample.clone(), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(text, a, b)| {
            let letters: Vec<char> = text.chars().collect();
            let (a, b) = (a.index(letters.len()), b.index(letters.len()));
            letters[a.min(b)..a.max(b)].iter().collect()
        }),
        1 => sample.prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn only_offered_and_valid_calls_come_of_any_text(scraps in prop::collection::vec(scrap(), 0..6)) {
        let text = scraps.concat();
        let tools = tools();
        for call in recover(&text, &tools).into_iter().flatten() {
            let tool = tools.iter().find(|tool| tool.name == call.name);
            prop_assert!(tool.is_some(), "{:?}", call);
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            prop_assert!(arguments.is_object());
            prop_assert!(schema::accepts(&tool.unwrap().parameters, &arguments));
        }
    }

    #[test]
    fn what_is_no_beginning_never_becomes_one(scraps in prop::collection::vec(scrap(), 0..6)) {
        let text = scraps.concat();
        let tools = tools();
        let mut may = true;
        for (cut, _) in text.char_indices() {
            let now = may_begin(&text[..cut], &tools);
            prop_assert!(may || !now, "{}", &text[..cut]);
            may = now;
        }
    }

    #[test]
    fn any_value_written_in_python_is_read_back(city in any::<String>(), days in any::<i32>()) {
        // JSON's escapes are Python's, but for pairs of surrogates, which this writer does not use.
        let quoted = Value::String(city.clone()).to_string();
        let text = format!("[get_weather(city={quoted}, days={days})]");
        prop_assert_eq!(read(&text), [("get_weather".to_owned(), json!({"city": city, "days": days}))]);
    }
}
