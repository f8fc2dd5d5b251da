//! The questions of the Berkeley Function-Calling Leaderboard (`scripts/fetch-bfcl`), their right answers written as each
//! family of models writes calls: no valid call is lost, and nothing invalid is run.

use std::path::Path;

use moltbot_llm::{Api, Reply, StopReason, TextDecoder, ToolSpec, Usage};
use serde_json::{Map, Value, json};

use crate::fixture::model;

/// A question's tools and the calls that answer it.
struct Question {
    id: String,
    tools: Vec<ToolSpec>,
    calls: Vec<Call>,
}

#[derive(Debug, Clone, PartialEq)]
struct Call {
    name: String,
    arguments: Map<String, Value>,
}

fn lines(file: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../test-data/bfcl");
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("{} is missing: run scripts/fetch-bfcl.", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for category in ["simple_python", "multiple", "parallel"] {
        let asked = lines(&format!("{category}.json"));
        let answers = lines(&format!("possible_answer/{category}.json"));
        for (asked, answer) in asked.iter().zip(&answers) {
            assert_eq!(asked["id"], answer["id"]);
            let tools: Vec<ToolSpec> = asked["function"]
                .as_array()
                .unwrap()
                .iter()
                .map(tool)
                .collect();
            let calls = answer["ground_truth"].as_array().unwrap().iter();
            questions.push(Question {
                id: asked["id"].as_str().unwrap().to_owned(),
                calls: calls.map(|call| truth(call, &tools)).collect(),
                tools,
            });
        }
    }
    questions
}

/// A function as it is offered to a model: no dots in names, JSON Schema's types.
fn tool(function: &Value) -> ToolSpec {
    let mut parameters = function["parameters"].clone();
    translate(&mut parameters);
    ToolSpec {
        name: function["name"].as_str().unwrap().replace('.', "_"),
        description: function["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        parameters,
    }
}

fn translate(schema: &mut Value) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    match keywords.get("type").and_then(Value::as_str) {
        Some("dict") => drop(keywords.insert("type".into(), "object".into())),
        Some("float") => drop(keywords.insert("type".into(), "number".into())),
        Some("tuple") => drop(keywords.insert("type".into(), "array".into())),
        Some("any") => drop(keywords.remove("type")),
        _ => {}
    }
    if let Some(properties) = keywords
        .get_mut("properties")
        .and_then(Value::as_object_mut)
    {
        properties.values_mut().for_each(translate);
    }
    if let Some(items) = keywords.get_mut("items") {
        translate(items);
    }
}

/// A right call: the first value that is listed for each parameter; `""` means that it may be left out.
fn truth(call: &Value, tools: &[ToolSpec]) -> Call {
    let (name, parameters) = call.as_object().unwrap().iter().next().unwrap();
    let name = name.replace('.', "_");
    let tool = tools.iter().find(|tool| tool.name == name).unwrap();
    Call {
        arguments: members(parameters.as_object().unwrap(), &tool.parameters),
        name,
    }
}

fn members(options: &Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let chosen = options.iter().filter_map(|(name, options)| {
        let first = match options.as_array() {
            Some(options) => options.iter().find(|option| **option != json!(""))?,
            None => options,
        };
        Some((name.clone(), chosen(first, &schema["properties"][name])))
    });
    chosen.collect()
}

/// Inside of a value, too, lists stand for choices.
fn chosen(value: &Value, schema: &Value) -> Value {
    match value {
        Value::Object(options) => members(options, schema).into(),
        Value::Array(items) => items
            .iter()
            .map(|item| chosen(item, &schema["items"]))
            .collect(),
        plain => plain.clone(),
    }
}

/// Whether a call is what its tool's schema allows: the test's own judgement.
fn is_valid(call: &Call, tools: &[ToolSpec]) -> bool {
    let tool = tools.iter().find(|tool| tool.name == call.name);
    tool.is_some_and(|tool| fits(&Value::Object(call.arguments.clone()), &tool.parameters))
}

fn fits(value: &Value, schema: &Value) -> bool {
    let has_type = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    let is_listed = schema["enum"]
        .as_array()
        .is_none_or(|list| list.contains(value));
    let parts = match value {
        Value::Object(object) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let mut names = required.filter_map(Value::as_str);
            names.all(|name| object.contains_key(name))
                && object
                    .iter()
                    .all(|(name, value)| fits(value, &schema["properties"][name]))
        }
        Value::Array(items) => items.iter().all(|item| fits(item, &schema["items"])),
        _ => true,
    };
    has_type && is_listed && parts
}

/// Writes calls as one family does.
type Family = fn(&[Call]) -> String;

const FAMILIES: [(&str, Family); 12] = [
    ("hermes", |calls| {
        each(calls, "\n", |c| {
            format!("<tool_call>\n{}\n</tool_call>", named(c, "arguments"))
        })
    }),
    ("llama", |calls| {
        each(calls, "; ", |c| named(c, "parameters"))
    }),
    ("llama tag", |calls| {
        format!(
            "<|python_tag|>{}",
            each(calls, "; ", |c| named(c, "parameters"))
        )
    }),
    ("qwen coder", |calls| {
        each(calls, "\n", |c| {
            let parameters = pairs(c, |k, v| format!("<parameter={k}>\n{v}\n</parameter>\n"));
            format!(
                "<tool_call>\n<function={}>\n{parameters}</function>\n</tool_call>",
                c.name
            )
        })
    }),
    ("glm", |calls| {
        each(calls, "\n", |c| {
            let parameters = pairs(c, |k, v| {
                format!("<arg_key>{k}</arg_key>\n<arg_value>{v}</arg_value>\n")
            });
            format!("<tool_call>{}\n{parameters}</tool_call>", c.name)
        })
    }),
    ("minimax", |calls| {
        let all = each(calls, "\n", |c| {
            let parameters = pairs(c, |k, v| {
                format!("<parameter name=\"{k}\">{v}</parameter>\n")
            });
            format!("<invoke name=\"{}\">\n{parameters}</invoke>", c.name)
        });
        format!("<minimax:tool_call>\n{all}\n</minimax:tool_call>")
    }),
    ("mistral", |calls| {
        format!(
            "[TOOL_CALLS][{}]",
            each(calls, ", ", |c| named(c, "arguments"))
        )
    }),
    ("mistral args", |calls| {
        each(calls, "", |c| {
            format!("[TOOL_CALLS]{}[ARGS]{}", c.name, json_of(c))
        })
    }),
    ("lm studio", |calls| {
        each(calls, " ", |c| {
            format!("[{}]{}[END_TOOL_REQUEST]", c.name, json_of(c))
        })
    }),
    ("deepseek", |calls| {
        let all = each(calls, "\n", |c| {
            format!(
                "<｜tool▁call▁begin｜>{}<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
                c.name,
                json_of(c)
            )
        });
        format!("<｜tool▁calls▁begin｜>{all}<｜tool▁calls▁end｜>")
    }),
    ("kimi", |calls| {
        let mut number = 0;
        let all = each(calls, "", |c| {
            number += 1;
            format!(
                "<|tool_call_begin|>functions.{}:{}<|tool_call_argument_begin|>{}<|tool_call_end|>",
                c.name,
                number - 1,
                json_of(c)
            )
        });
        format!("<|tool_calls_section_begin|>{all}<|tool_calls_section_end|>")
    }),
    ("pythonic", |calls| {
        let all = each(calls, ", ", |c| {
            let arguments: Vec<String> = c
                .arguments
                .iter()
                .map(|(name, value)| format!("{name}={}", python(value)))
                .collect();
            format!("{}({})", c.name, arguments.join(", "))
        });
        format!("[{all}]")
    }),
];

fn each(calls: &[Call], between: &str, write: impl FnMut(&Call) -> String) -> String {
    calls.iter().map(write).collect::<Vec<_>>().join(between)
}

fn json_of(call: &Call) -> String {
    Value::Object(call.arguments.clone()).to_string()
}

fn named(call: &Call, key: &str) -> String {
    json!({"name": call.name, key: call.arguments}).to_string()
}

/// Keys and values in a form whose values are plain text.
fn pairs(call: &Call, write: impl Fn(&str, String) -> String) -> String {
    let all = call.arguments.iter().map(|(name, value)| match value {
        Value::String(text) => write(name, text.clone()),
        other => write(name, other.to_string()),
    });
    all.collect()
}

fn python(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(python).collect())),
        Value::Object(object) => {
            let pairs = object
                .iter()
                .map(|(k, v)| format!("{}: {}", json!(k), python(v)));
            format!("{{{}}}", list(pairs.collect()))
        }
        plain => plain.to_string(),
    }
}

/// The calls that come of a text, as a whole and in small pieces.
fn read(text: &str, tools: &[ToolSpec]) -> Vec<Call> {
    let whole = decode([text], tools);
    let mut rest = text;
    let pieces = std::iter::from_fn(|| {
        let end = rest.char_indices().nth(5).map_or(rest.len(), |(at, _)| at);
        let (piece, more) = rest.split_at(end);
        rest = more;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(decode(pieces, tools), whole, "{text}");
    let Some(reply) = whole else {
        return Vec::new();
    };
    let calls = reply.message.tool_calls().map(|call| Call {
        name: call.name.clone(),
        arguments: serde_json::from_str(&call.arguments).unwrap(),
    });
    calls.collect()
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a str>, tools: &[ToolSpec]) -> Option<Reply> {
    let mut decoder = TextDecoder::with_tools(&model(Api::OpenAiCompletions), 0, tools);
    for piece in pieces {
        decoder.feed(piece);
    }
    let usage = Usage::default();
    let mut reply = decoder
        .finish(StopReason::Stop, usage, &mut Vec::new())
        .ok()?;
    reply.message.timestamp = 0;
    Some(reply)
}

#[test]
fn no_valid_call_is_lost_and_no_invalid_one_is_run() {
    let (mut valid, mut invalid) = (0, 0);
    let mut wrong = Vec::new();
    for question in questions() {
        let fits = question
            .calls
            .iter()
            .all(|call| is_valid(call, &question.tools));
        match fits {
            true => valid += 1,
            false => invalid += 1,
        }
        for (family, write) in FAMILIES {
            let text = write(&question.calls);
            let read = read(&text, &question.tools);
            let is_right = match fits {
                true => read == question.calls,
                // The leaderboard's own answer is not what its schema allows.
                false => read.iter().all(|call| is_valid(call, &question.tools)),
            };
            if !is_right {
                wrong.push(format!("{} {family}: {text}\n  {read:?}", question.id));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!((valid, invalid), (798, 2));
}

#[test]
fn a_call_that_is_quoted_unknown_or_incomplete_is_text() {
    for question in questions().into_iter().step_by(5) {
        for (family, write) in FAMILIES {
            let id = format!("{} {family}", question.id);
            let text = write(&question.calls);
            for prose in [
                format!("To do this, one would write {text}"),
                format!("```\n{text}\n```"),
                format!("{text}\n\nThat is how it is written."),
            ] {
                assert_eq!(read(&prose, &question.tools), [], "{id}: {prose}");
            }
            let mut unknown = question.calls.clone();
            unknown[0].name.push_str("_all");
            assert_eq!(read(&write(&unknown), &question.tools), [], "{id}: unknown");
            let mut incomplete = question.calls.clone();
            let last = incomplete.last_mut().unwrap();
            let tool = question
                .tools
                .iter()
                .find(|tool| tool.name == last.name)
                .unwrap();
            if let Some(required) = tool.parameters["required"][0].as_str() {
                last.arguments.shift_remove(required);
                assert_eq!(
                    read(&write(&incomplete), &question.tools),
                    [],
                    "{id}: incomplete"
                );
            }
        }
    }
}
