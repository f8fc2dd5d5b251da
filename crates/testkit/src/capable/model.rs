//! The model: what it says or calls, which follows from the request alone.

use serde_json::{Map, Value, json};

use super::ask::{Ask, Choice, Role, Tool};
use super::capabilities::{Capabilities, Family, Reasoning, Tools};
use super::in_words::InWords;
use super::text_call;
use crate::answer::{Block, Dialect, argument_pieces, words};

/// The cities that the model knows. It looks up each that the user names, else the first.
pub const CITIES: [&str; 3] = ["Paris", "Rome", "Tokyo"];

/// What it says to somebody who asks about the weather and offers no tool.
pub const WITHOUT_TOOLS: &str = "I cannot look that up without a tool.";

/// What it says to everything else.
pub const GREETING: &str = "Hello there, how can I help?";

/// What it thinks before it speaks or calls, where it reasons.
pub const THOUGHT: &str = "They may want the weather.";

/// What it says when its calls have been answered with these results.
#[must_use]
pub fn sentence_with(results: &[&str]) -> String {
    format!("I looked it up: {}.", results.join(" and "))
}

/// A call of a tool.
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
}

enum Move {
    Say(String),
    Call(Vec<Call>),
}

/// The parts of the answer.
pub(super) fn answer(can: &Capabilities, ask: &Ask) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lead = String::new();
    match can.reasoning {
        Reasoning::None => {}
        Reasoning::Field | Reasoning::ShortField | Reasoning::BothFields => {
            blocks.push(Block::Thinking(THOUGHT.to_owned()));
        }
        Reasoning::Tags => lead = format!("<think>\n{THOUGHT}\n</think>\n\n"),
        Reasoning::ClosingTag => lead = format!("{THOUGHT}\n</think>\n\n"),
    }
    let told = Some(&ask.turns).filter(|_| ask.tools.is_empty());
    let in_words = told.and_then(|turns| InWords::read(turns));
    let decided = decide(can, ask, in_words.as_ref());
    let text = match (&decided, can.tools) {
        (Move::Say(text), _) => text.clone(),
        (Move::Call(calls), _) if in_words.is_some() => text_call::written(Family::Hermes, calls),
        (Move::Call(calls), Tools::Text(family)) => text_call::written(family, calls),
        (Move::Call(_), _) => String::new(),
    };
    lead.push_str(&text);
    if !lead.is_empty() {
        blocks.push(Block::Text(lead));
    }
    if let (Move::Call(calls), Tools::Native, None) = (decided, can.tools, in_words) {
        let made: usize = ask.turns.iter().map(|turn| turn.calls.len()).sum();
        blocks.extend(
            calls
                .into_iter()
                .enumerate()
                .map(|(number, call)| Block::ToolCall {
                    id: id(can, ask.dialect, made + number),
                    name: call.name,
                    arguments: Value::Object(call.arguments).to_string(),
                }),
        );
    }
    blocks
}

/// The id of a call, by how many were made before it.
fn id(can: &Capabilities, dialect: Dialect, number: usize) -> String {
    match dialect {
        _ if can.short_tool_ids => format!("call{number:05}"),
        Dialect::AnthropicMessages => format!("toolu_{number}"),
        _ => format!("call_{number}"),
    }
}

fn decide(can: &Capabilities, ask: &Ask, in_words: Option<&InWords>) -> Move {
    let offered: &[Tool] = match (in_words, can.tools) {
        (Some(told), _) => &told.tools,
        (None, Tools::Native | Tools::Text(_)) => &ask.tools,
        (None, Tools::Refused | Tools::Dropped) => &[],
    };
    let asked = in_words.map_or(ask.asked(), |told| told.asked.as_str());
    let results: Vec<&str> = match in_words {
        Some(told) => told.results.iter().map(String::as_str).collect(),
        None => {
            let since = ask.since_user().iter();
            let results = since.filter(|turn| turn.role == Role::Tool);
            results.map(|turn| turn.text.as_str()).collect()
        }
    };
    let Some(tool) = choose(offered, &ask.choice) else {
        return Move::Say(match results.is_empty() {
            false => sentence_with(&results),
            true if asked.contains("weather") => WITHOUT_TOOLS.to_owned(),
            true => GREETING.to_owned(),
        });
    };
    let mut cities: Vec<&str> = CITIES
        .into_iter()
        .filter(|city| asked.contains(city))
        .collect();
    if cities.is_empty() {
        cities.push(CITIES[0]);
    }
    match cities.get(results.len()..) {
        None | Some([]) => Move::Say(sentence_with(&results)),
        Some([next, rest @ ..]) => {
            let rest = if can.parallel_calls { rest } else { &[] };
            let call = |city: &&str| Call {
                name: tool.name.clone(),
                arguments: arguments(&tool.parameters, city),
            };
            Move::Call([*next].iter().chain(rest).map(call).collect())
        }
    }
}

/// The tool that must be called, else the one for the weather, else the first.
fn choose<'a>(offered: &'a [Tool], choice: &Choice) -> Option<&'a Tool> {
    match choice {
        Choice::Forbidden => None,
        Choice::Named(name) => offered.iter().find(|tool| tool.name == *name),
        Choice::Free => {
            let for_weather = |tool: &&Tool| tool.name.to_lowercase().contains("weather");
            offered.iter().find(for_weather).or(offered.first())
        }
    }
}

/// Arguments that a schema allows: its required properties, or the first where none is.
fn arguments(schema: &Value, city: &str) -> Map<String, Value> {
    match filled(schema, schema, city, 0) {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    }
}

/// How deep schemas are followed; those that refer to themselves have no end.
const DEPTH: usize = 8;

fn filled(schema: &Value, root: &Value, city: &str, depth: usize) -> Value {
    if depth > DEPTH {
        return Value::Null;
    }
    let inner = |schema: &Value| filled(schema, root, city, depth + 1);
    if let Some(place) = schema["$ref"].as_str().and_then(|at| at.strip_prefix('#')) {
        return inner(root.pointer(place).unwrap_or(&Value::Null));
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    for (list, is_value) in [("enum", true), ("anyOf", false), ("oneOf", false)] {
        if let Some(first) = schema[list].as_array().and_then(|list| list.first()) {
            return if is_value {
                first.clone()
            } else {
                inner(first)
            };
        }
    }
    let kind = schema["type"].as_str().or_else(|| {
        let kinds = schema["type"].as_array()?;
        kinds.first()?.as_str()
    });
    match kind {
        Some("string") => city.into(),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => true.into(),
        Some("array") => json!([inner(&schema["items"])]),
        Some("null") => Value::Null,
        Some("object") => object(schema, inner),
        _ if schema["properties"].is_object() => object(schema, inner),
        _ => city.into(),
    }
}

fn object(schema: &Value, inner: impl Fn(&Value) -> Value) -> Value {
    let properties = schema["properties"].as_object();
    let required = schema["required"].as_array().map(Vec::as_slice);
    let mut names: Vec<&str> = required
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if names.is_empty() {
        names.extend(
            properties
                .and_then(|all| all.keys().next())
                .map(String::as_str),
        );
    }
    let field = |name: &&str| {
        let schema = properties.and_then(|all| all.get(*name));
        ((*name).to_owned(), inner(schema.unwrap_or(&Value::Null)))
    };
    names.iter().map(field).collect()
}

/// Cuts an answer behind so many tokens, each word and each piece of arguments one. Whether
/// anything was lost.
pub(super) fn cut(blocks: &mut Vec<Block>, tokens: u64) -> bool {
    let mut left = usize::try_from(tokens).unwrap_or(usize::MAX);
    let mut lost = false;
    blocks.retain_mut(|block| {
        let (text, pieces): (&mut String, Vec<String>) = match block {
            Block::Text(text) | Block::Thinking(text) => {
                let pieces = words(text).into_iter().map(str::to_owned).collect();
                (text, pieces)
            }
            Block::ToolCall { arguments, .. } => {
                let pieces = argument_pieces(arguments);
                (arguments, pieces)
            }
        };
        let keeps = left > 0;
        if pieces.len() > left {
            *text = pieces[..left].concat();
            lost = true;
        }
        left = left.saturating_sub(pieces.len());
        keeps
    });
    lost
}
