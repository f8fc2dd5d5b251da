//! What only asking shows: a handful of tiny requests, each in a form that some servers refuse.
//!
//! The first goes the way of every turn, so what the server needs is learned and kept. The others go out unmended: here a
//! refusal is the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Fact;
use super::fields::elements;
use crate::backend::{Backend, Reply};
use crate::dialect::{Decoder, encode};
use crate::endpoint::Endpoint;
use crate::failure::{Failure, FailureClass, classify};
use crate::knowledge::Knowledge;
use crate::lookup::{Lookup, LookupError};
use crate::message::{Message, Usage};
use crate::model::{Api, Model};
use crate::request::{Request, ToolSpec};

/// How long one answer may take: a busy machine without a graphics card reads a hundred tokens in a minute.
const LIMIT: Duration = Duration::from_secs(120);

/// Tokens that an answer may have.
const SHORT: u64 = 16;

/// Tokens that an answer with a call in it may have, some reasoning before it included.
const CALL: u64 = 160;

/// The source of what was found out by asking.
const ASKED: &str = "asked";

/// How a model's calls of tools arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolCalling {
    /// In the fields that the dialect has for them.
    Native,
    /// In the text, in the form that the model was trained for; they are taken out of it.
    AsText,
    /// The server refuses requests with tools.
    Refused,
    /// Asked to call a tool, the model did not.
    Ignored,
}

/// Which system messages a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemRules {
    /// One of the role `system`.
    pub system: bool,
    /// One of the role `developer`.
    pub developer: bool,
    /// Several, and later ones in the middle of the conversation.
    pub several: bool,
}

/// What asking one model showed. What could not be told is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Asked {
    /// Why there was no answer at all, as a sentence; nothing else is known then.
    pub failure: Option<String>,
    /// Whether it counts the tokens of a stream.
    pub usage: Option<Fact<bool>>,
    /// How calls of tools arrive.
    pub tools: Option<Fact<ToolCalling>>,
    /// Whether it calls two tools at once when asked to.
    pub parallel_calls: Option<Fact<bool>>,
    /// Where reasoning was seen: the name of the field, or `tags` for tags in the text. `None`: none came.
    pub reasoning: Option<Fact<String>>,
    /// Whether it takes text as a list of parts.
    pub list_content: Option<Fact<bool>>,
    /// Which system messages it takes.
    pub system_messages: Option<Fact<SystemRules>>,
    /// Of each feature of JSON Schema in a tool's parameters, whether it is taken.
    pub schemas: Option<Fact<BTreeMap<String, bool>>>,
    /// Tokens that all of it cost, as far as the server counts them.
    pub tokens: u64,
}

/// Asks a model. `backend` is asked as a turn asks it, so that repairs go into `knowledge`; the other requests are signed
/// with `key`. All together they cost some hundred tokens.
pub async fn ask_model(
    model: &Model,
    key: Option<&str>,
    backend: &dyn Backend,
    knowledge: &Knowledge,
) -> Asked {
    let mut asked = Asked::default();
    let mut model = model.clone();
    // However the answer ends, no more than this is to be generated.
    model.output_limit = Some(CALL);
    if let Err(failure) = asked.plainly(&model, backend).await {
        asked.failure = Some(failure.to_string());
        return asked;
    }
    let model = knowledge.dress(model).await;
    let lookup = match Lookup::new(&model, key, LIMIT) {
        Ok(lookup) => lookup,
        Err(error) => {
            asked.failure = Some(refused_by_transport(&model, error).to_string());
            return asked;
        }
    };
    let mut asking = Asking {
        model: &model,
        lookup: &lookup,
        usage: Usage::default(),
        reasoning: BTreeSet::new(),
    };
    let tools = asking.tools().await;
    asked.tools = tools.map(fact);
    if tools == Some(ToolCalling::Refused) {
        // As in a turn, so that the next one knows.
        let _ = backend.stream(&model, &with_tool(), &mut |_| {}).await;
    }
    if matches!(tools, Some(ToolCalling::Native | ToolCalling::AsText)) {
        asked.parallel_calls = asking.parallel().await.map(fact);
        asked.schemas = asking.schemas().await.map(fact);
    }
    if model.api == Api::OpenAiCompletions {
        asked.list_content = asking.list_content().await.map(fact);
        asked.system_messages = asking.system_messages().await.map(fact);
    }
    // Several fields may carry the same text; the first is the one that is read.
    let names = [
        "reasoning_content",
        "reasoning",
        "thinking",
        "reasoning_details",
    ];
    let named = names
        .into_iter()
        .find(|name| asking.reasoning.contains(*name));
    let tags = asking.reasoning.contains(TAGS).then_some(TAGS);
    asked.reasoning = named.or(tags).map(|name| fact(name.to_owned()));
    asked.tokens += asking.usage.total();
    asked
}

impl Asked {
    /// The question that every model can answer. One that thinks about it for too long answers too.
    async fn plainly(&mut self, model: &Model, backend: &dyn Backend) -> Result<(), Failure> {
        match backend.stream(model, &short(), &mut |_| {}).await {
            Ok(reply) => {
                let usage = reply.message.usage;
                self.usage = Some(fact(usage.is_known()));
                self.tokens += usage.total();
                Ok(())
            }
            Err(failure) if is_an_answer(&failure) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

/// Reasoning that was found in no field, but in tags.
const TAGS: &str = "tags";

/// One model being asked.
struct Asking<'a> {
    model: &'a Model,
    lookup: &'a Lookup,
    usage: Usage,
    /// Where reasoning was seen.
    reasoning: BTreeSet<&'static str>,
}

/// An answer, and the JSON that it came in.
struct Answer {
    reply: Reply,
    frames: Vec<Value>,
}

impl Asking<'_> {
    /// Sends a request once, its body changed by `edit`.
    async fn send(
        &mut self,
        request: &Request,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Answer, Failure> {
        let model = self.model;
        let mut body: Value = serde_json::from_slice(&encode(model, request)).unwrap_or_default();
        edit(&mut body);
        let url = Endpoint::new(model).reply_url(&model.reference.model);
        let answer = self.lookup.post(&url, &body).await;
        let answer = answer.map_err(|error| refused_by_transport(model, error))?;
        if !answer.is_success() {
            let verdict = classify(answer.status, None, &answer.body);
            return Err(Failure::from_verdict(model, Some(answer.status), verdict));
        }
        let frames: Vec<Value> = match serde_json::from_str(&answer.body) {
            Ok(document) => vec![document],
            Err(_) => {
                // Ollama's own API sends a frame a line, with nothing before it.
                let lines = answer.body.lines();
                let data = lines.map(|line| line.strip_prefix("data:").unwrap_or(line));
                data.filter_map(|data| serde_json::from_str(data.trim()).ok())
                    .collect()
            }
        };
        let fields: Vec<&'static str> = frames.iter().flat_map(reasoning_fields).collect();
        let mut decoder = Decoder::new(model, request, 0);
        decoder.feed(answer.body.as_bytes());
        let reply = decoder.finish(&mut Vec::new());
        let thought = match &reply {
            Ok(reply) => !reply.message.thinking().is_empty(),
            Err(failure) => failure.class == FailureClass::ReasoningOnly,
        };
        if fields.is_empty() && thought {
            self.reasoning.insert(TAGS);
        }
        self.reasoning.extend(fields);
        let reply = reply?;
        self.usage += reply.message.usage;
        Ok(Answer { reply, frames })
    }

    async fn tools(&mut self) -> Option<ToolCalling> {
        let outcome = self.send(&with_tool(), |_| {}).await;
        match &outcome {
            Ok(answer) if answer.reply.message.tool_calls().next().is_none() => {
                Some(ToolCalling::Ignored)
            }
            Ok(answer) if answer.frames.iter().any(holds_call) => Some(ToolCalling::Native),
            Ok(_) => Some(ToolCalling::AsText),
            Err(failure) if is_an_answer(failure) => Some(ToolCalling::Ignored),
            Err(_) => match is_taken(&outcome)? {
                true => None,
                false => Some(ToolCalling::Refused),
            },
        }
    }

    async fn parallel(&mut self) -> Option<bool> {
        let request = Request {
            messages: vec![Message::user(
                "Call look_up for Paris and, in the same answer, for Rome.",
                0,
            )],
            ..with_tool()
        };
        let answer = self.send(&request, |_| {}).await.ok()?;
        Some(answer.reply.message.tool_calls().count() > 1)
    }

    async fn list_content(&mut self) -> Option<bool> {
        let outcome = self
            .send(&short(), |body| {
                let message = &mut body["messages"][0];
                let text = message["content"].take();
                message["content"] = json!([{"type": "text", "text": text}]);
            })
            .await;
        is_taken(&outcome)
    }

    async fn system_messages(&mut self) -> Option<SystemRules> {
        let mut taken = [false; 3];
        let forms = [
            &["system"][..],
            &["developer"],
            &["system", "user", "system"],
        ];
        for (taken, roles) in taken.iter_mut().zip(forms) {
            let outcome = self
                .send(&short(), |body| {
                    let Some(messages) = body["messages"].as_array_mut() else {
                        return;
                    };
                    let before = roles
                        .iter()
                        .map(|role| json!({"role": role, "content": "Be brief."}));
                    messages.splice(0..0, before);
                })
                .await;
            *taken = is_taken(&outcome)?;
        }
        let [system, developer, several] = taken;
        Some(SystemRules {
            system,
            developer,
            several,
        })
    }

    /// All features in one tool; one by one only where that is refused.
    async fn schemas(&mut self) -> Option<BTreeMap<String, bool>> {
        let features = schemas();
        let all: Vec<ToolSpec> = features.iter().map(|(_, tool)| tool.clone()).collect();
        let mut taken = BTreeMap::new();
        let together = self.takes(all).await?;
        for (name, tool) in features {
            let alone = together || self.takes(vec![tool]).await?;
            taken.insert(name.to_owned(), alone);
        }
        Some(taken)
    }

    async fn takes(&mut self, tools: Vec<ToolSpec>) -> Option<bool> {
        let request = Request { tools, ..short() };
        is_taken(&self.send(&request, |_| {}).await)
    }
}

fn fact<T>(value: T) -> Fact<T> {
    Fact {
        value,
        source: ASKED.to_owned(),
    }
}

fn short() -> Request {
    Request {
        messages: vec![Message::user("Say ok.", 0)],
        max_tokens: Some(SHORT),
        ..Request::default()
    }
}

fn with_tool() -> Request {
    let parameters = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    });
    Request {
        messages: vec![Message::user("Call the tool look_up for Paris.", 0)],
        tools: vec![tool("look_up", parameters)],
        max_tokens: Some(CALL),
        ..Request::default()
    }
}

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: "Looks something up.".to_owned(),
        parameters,
    }
}

/// The features of JSON Schema that grammar builders stumble over, each in a tool.
fn schemas() -> Vec<(&'static str, ToolSpec)> {
    let with = |property: Value| json!({"type": "object", "properties": {"a": property}});
    vec![
        (
            "pattern",
            tool(
                "f_pattern",
                with(json!({"type": "string", "pattern": "[a-z]+"})),
            ),
        ),
        (
            "$ref",
            tool(
                "f_ref",
                json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}}),
            ),
        ),
        (
            "anyOf",
            tool(
                "f_any",
                with(json!({"anyOf": [{"type": "string"}, {"type": "integer"}]})),
            ),
        ),
        (
            "propertyNames",
            tool(
                "f_names",
                with(json!({"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}})),
            ),
        ),
        ("empty parameters", tool("f_empty", json!({}))),
    ]
}

/// Whether the form of the request was taken; `None` where the outcome says nothing about it.
fn is_taken(outcome: &Result<Answer, Failure>) -> Option<bool> {
    let failure = match outcome {
        Ok(_) => return Some(true),
        Err(failure) => failure,
    };
    match failure.class {
        _ if is_an_answer(failure) => Some(true),
        // Templates that raise an error, and grammar builders that fail, are an inner error to some servers.
        FailureClass::ServerError
        | FailureClass::WrongEndpoint
        | FailureClass::ToolsUnsupported
        | FailureClass::SchemaUnsupported
        | FailureClass::TemplateRejected
        | FailureClass::ParamRejected
        | FailureClass::HistoryRejected
        | FailureClass::BadRequest => Some(false),
        _ => None,
    }
}

/// Whether the model was at work, though nothing came for a person.
fn is_an_answer(failure: &Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::EmptyReply
            | FailureClass::ReasoningOnly
            | FailureClass::OutputExhausted
            | FailureClass::BadModelOutput
    )
}

fn refused_by_transport(model: &Model, error: LookupError) -> Failure {
    match error {
        LookupError::TimedOut => Failure::new(FailureClass::Timeout, model, ""),
        LookupError::Unreachable(reason) => Failure::new(FailureClass::Unreachable, model, reason),
    }
}

/// The objects that hold a message, or a piece of one, in a frame of any dialect.
fn messages(frame: &Value) -> impl Iterator<Item = &Value> {
    let choices = elements(&frame["choices"]).iter();
    let pieces = choices.flat_map(|choice| [&choice["delta"], &choice["message"]]);
    pieces.chain([&frame["message"]])
}

/// Whether a frame holds a call in a field of its own.
fn holds_call(frame: &Value) -> bool {
    let in_chat = messages(frame).any(|message| !elements(&message["tool_calls"]).is_empty());
    let items = elements(&frame["response"]["output"]).iter();
    let blocks = elements(&frame["content"]).iter();
    let mut typed = items
        .chain(blocks)
        .chain([&frame["item"], &frame["content_block"]]);
    let is_call =
        |part: &Value| matches!(part["type"].as_str(), Some("function_call" | "tool_use"));
    let mut parts = elements(&frame["candidates"][0]["content"]["parts"]).iter();
    in_chat || typed.any(is_call) || parts.any(|part| part["functionCall"].is_object())
}

/// The fields of a frame in which reasoning came.
fn reasoning_fields(frame: &Value) -> Vec<&'static str> {
    let said = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    let names = [
        "reasoning_content",
        "reasoning",
        "thinking",
        "reasoning_details",
    ];
    let mut found: Vec<&'static str> = names
        .into_iter()
        .filter(|name| messages(frame).any(|message| said(&message[*name])))
        .collect();
    // The other dialects have parts of their own for it.
    if frame["type"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("response.reasoning"))
    {
        found.push("reasoning");
    }
    if frame["delta"]["type"] == "thinking_delta" {
        found.push("thinking");
    }
    found
}
