//! Calls of tools as families of models write them, for servers that leave them in the text.

use serde_json::{Map, Value, json};

use super::capabilities::Family;
use super::model::Call;

/// The calls as one text.
pub(super) fn written(family: Family, calls: &[Call]) -> String {
    let each = |write: fn(&Call) -> String| calls.iter().map(write).collect::<Vec<_>>();
    match family {
        Family::Hermes => each(|call| {
            let object = json!({"name": call.name, "arguments": call.arguments});
            format!("<tool_call>\n{object}\n</tool_call>")
        })
        .join("\n"),
        Family::QwenCoder => each(|call| {
            let parameters = fields(&call.arguments, |key, value| {
                format!("<parameter={key}>\n{value}\n</parameter>\n")
            });
            let name = &call.name;
            format!("<tool_call>\n<function={name}>\n{parameters}</function>\n</tool_call>")
        })
        .join("\n"),
        Family::Mistral => {
            let objects: Vec<Value> = calls
                .iter()
                .map(|call| json!({"name": call.name, "arguments": call.arguments}))
                .collect();
            format!("[TOOL_CALLS]{}", Value::from(objects))
        }
        Family::MistralArgs => {
            each(|call| format!("[TOOL_CALLS]{}[ARGS]{}", call.name, object(call))).concat()
        }
        // Its models call one tool at a time.
        Family::Llama => format!("<|python_tag|>{}", llama(calls)),
        Family::LlamaBare => llama(calls),
        Family::Pythonic => {
            let calls = each(|call| {
                let arguments: Vec<String> = call
                    .arguments
                    .iter()
                    .map(|(key, value)| format!("{key}={}", python(value)))
                    .collect();
                format!("{}({})", call.name, arguments.join(", "))
            });
            format!("[{}]", calls.join(", "))
        }
        Family::DeepSeek => {
            let calls = each(|call| {
                format!(
                    "<｜tool▁call▁begin｜>{}<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
                    call.name,
                    object(call)
                )
            });
            format!(
                "<｜tool▁calls▁begin｜>{}<｜tool▁calls▁end｜>",
                calls.concat()
            )
        }
        Family::Glm => each(|call| {
            let pairs = fields(&call.arguments, |key, value| {
                format!("<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n")
            });
            format!("<tool_call>{}\n{pairs}</tool_call>", call.name)
        })
        .join("\n"),
        Family::Kimi => {
            let calls: Vec<String> = calls
                .iter()
                .enumerate()
                .map(|(number, call)| {
                    format!(
                        "<|tool_call_begin|>functions.{}:{number}<|tool_call_argument_begin|>{}<|tool_call_end|>",
                        call.name,
                        object(call)
                    )
                })
                .collect();
            format!(
                "<|tool_calls_section_begin|>{}<|tool_calls_section_end|>",
                calls.concat()
            )
        }
        Family::MiniMax => {
            let calls = each(|call| {
                let parameters = fields(&call.arguments, |key, value| {
                    format!("<parameter name=\"{key}\">{value}</parameter>\n")
                });
                format!("<invoke name=\"{}\">\n{parameters}</invoke>\n", call.name)
            });
            format!(
                "<minimax:tool_call>\n{}</minimax:tool_call>",
                calls.concat()
            )
        }
        Family::Harmony => each(|call| {
            format!(
                "<|channel|>commentary to=functions.{} <|constrain|>json<|message|>{}<|call|>",
                call.name,
                object(call)
            )
        })
        .join("<|start|>assistant"),
        Family::Bracketed => {
            each(|call| format!("[{}]{}[END_TOOL_REQUEST]", call.name, object(call))).join("\n")
        }
    }
}

fn object(call: &Call) -> Value {
    Value::Object(call.arguments.clone())
}

fn llama(calls: &[Call]) -> String {
    let calls: Vec<String> = calls
        .iter()
        .map(|call| json!({"name": call.name, "parameters": call.arguments}).to_string())
        .collect();
    calls.join("; ")
}

/// Each argument, its value as plain text.
fn fields(arguments: &Map<String, Value>, write: impl Fn(&str, &str) -> String) -> String {
    let written = arguments.iter().map(|(key, value)| match value {
        Value::String(text) => write(key, text),
        other => write(key, &other.to_string()),
    });
    written.collect()
}

/// A value as Python writes it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), python(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        plain => plain.to_string(),
    }
}
