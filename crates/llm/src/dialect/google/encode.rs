//! A request as a `GenerateContent` body.

use serde_json::{Map, Value, json};

use crate::message::{
    AssistantMessage, AssistantPart, Content, Image, Message, ToolCall, ToolResultMessage,
};
use crate::model::{Api, Model};
use crate::request::{Request, ThinkingLevel, ToolChoice};

/// What Google documents for calls that no Gemini made: the third generation refuses a call without a signature.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Stands before a conversation that the model began itself, which the API refuses; the words are the original's.
const BOOTSTRAP: &str = "(session bootstrap)";

/// The whole body; the model's name is in the URL.
pub(crate) fn encode(model: &Model, request: &Request) -> Value {
    let generation = Generation::of(&model.reference.model);
    let mut body = Map::new();
    if !request.system.is_empty() {
        body.insert(
            "systemInstruction".into(),
            json!({"parts": [{"text": request.system}]}),
        );
    }
    body.insert(
        "contents".into(),
        contents(model, generation, request).into(),
    );
    if !request.tools.is_empty() {
        let functions: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| {
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    // `parameters` refuses most of JSON Schema; this field, which excludes it, takes it as it is.
                    "parametersJsonSchema": tool.parameters,
                })
            })
            .collect();
        body.insert("tools".into(), json!([{"functionDeclarations": functions}]));
        if let Some(config) = calling_config(&request.tool_choice) {
            body.insert(
                "toolConfig".into(),
                json!({"functionCallingConfig": config}),
            );
        }
    }
    let config = generation_config(model, generation, request);
    if !config.is_empty() {
        body.insert("generationConfig".into(), config.into());
    }
    body.into()
}

fn calling_config(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::Required => Some(json!({"mode": "ANY"})),
        ToolChoice::None => Some(json!({"mode": "NONE"})),
        ToolChoice::Named(name) => Some(json!({"mode": "ANY", "allowedFunctionNames": [name]})),
    }
}

fn generation_config(
    model: &Model,
    generation: Option<Generation>,
    request: &Request,
) -> Map<String, Value> {
    let mut config = Map::new();
    if let Some(max) = request.max_tokens {
        config.insert("maxOutputTokens".into(), max.into());
    }
    if let Some(temperature) = request.temperature {
        config.insert("temperature".into(), temperature.into());
    }
    if model.reasoning
        && let Some(thinking) = thinking_config(generation, request.thinking)
    {
        config.insert("thinkingConfig".into(), thinking);
    }
    config
}

/// The generation of a Gemini model and its size, read from its id: they differ in what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Generation {
    major: u32,
    minor: u32,
    size: Size,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Pro,
    Flash,
    FlashLite,
}

impl Generation {
    /// `gemini-2.5-flash-lite`, `models/gemini-3-pro-preview`; `None` for other models and names without a number.
    fn of(id: &str) -> Option<Self> {
        let id = id.to_ascii_lowercase();
        let (_, rest) = id.split_once("gemini-")?;
        let version = rest.split('-').next()?;
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        let size = if rest.contains("flash-lite") {
            Size::FlashLite
        } else if rest.contains("flash") {
            Size::Flash
        } else {
            Size::Pro
        };
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            size,
        })
    }

    /// Whether it signs its calls and wants them back signed, takes thinking levels, and reads pictures in results.
    fn is_third_or_later(this: Option<Self>) -> bool {
        this.is_some_and(|generation| generation.major >= 3)
    }
}

/// How much to think, in the field that the generation takes. Those that cannot be told not to think at all are told
/// to think the least.
fn thinking_config(generation: Option<Generation>, level: ThinkingLevel) -> Option<Value> {
    use ThinkingLevel::{High, Low, Medium, Minimal, Off, Xhigh};
    let mut config = match generation {
        Some(g) if g.major >= 3 => {
            let word = match (g.size, level) {
                (Size::Pro, Off | Minimal | Low) => "LOW",
                (Size::Pro, Medium | High | Xhigh) => "HIGH",
                (_, Off | Minimal) => "MINIMAL",
                (_, Low) => "LOW",
                (_, Medium) => "MEDIUM",
                (_, High | Xhigh) => "HIGH",
            };
            json!({"thinkingLevel": word})
        }
        Some(g) if (g.major, g.minor) == (2, 5) => {
            let budget = match (g.size, level) {
                (Size::Pro, Off) => 128,
                (_, Off) => 0,
                (Size::FlashLite, Minimal) => 512,
                (_, Minimal) => 128,
                (_, Low) => 2048,
                (_, Medium) => 8192,
                (Size::Pro, High | Xhigh) => 32_768,
                (_, High | Xhigh) => 24_576,
            };
            json!({"thinkingBudget": budget})
        }
        _ if level == Off => return None,
        // As much as it sees fit.
        _ => json!({"thinkingBudget": -1}),
    };
    if level != Off {
        config["includeThoughts"] = true.into();
    }
    Some(config)
}

/// Whose words an entry of `contents` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Person,
    Model,
    Tools,
}

/// Neighbouring messages of the model are joined, since a call must follow the person's words or results; so are
/// neighbouring results, since all calls of one turn are answered at once.
fn contents(model: &Model, generation: Option<Generation>, request: &Request) -> Vec<Value> {
    let mut turns: Vec<(Speaker, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let (speaker, parts) = match message {
            Message::User(user) => (
                Speaker::Person,
                user.content.iter().filter_map(part).collect(),
            ),
            Message::Assistant(assistant) => {
                (Speaker::Model, model_parts(model, generation, assistant))
            }
            Message::ToolResult(result) => (Speaker::Tools, result_parts(generation, result)),
        };
        if parts.is_empty() {
            continue;
        }
        if turns.is_empty() && speaker != Speaker::Person {
            turns.push((Speaker::Person, vec![json!({"text": BOOTSTRAP})]));
        }
        match turns.last_mut() {
            Some((last, all)) if *last == speaker && speaker != Speaker::Person => {
                all.extend(parts);
            }
            _ => turns.push((speaker, parts)),
        }
    }
    turns
        .into_iter()
        .map(|(speaker, parts)| {
            let role = match speaker {
                Speaker::Model => "model",
                Speaker::Person | Speaker::Tools => "user",
            };
            json!({"role": role, "parts": parts})
        })
        .collect()
}

/// Blank text carries nothing, and a turn of nothing else is refused.
fn part(content: &Content) -> Option<Value> {
    match content {
        Content::Text { text, .. } if text.trim().is_empty() => None,
        Content::Text { text, .. } => Some(json!({"text": text})),
        Content::Image(image) => Some(inline(image)),
    }
}

fn inline(image: &Image) -> Value {
    json!({"inlineData": {"mimeType": image.mime_type, "data": image.data}})
}

/// Reasoning goes back only where it is signed and to the model that signed it. A signature without words belongs to
/// the call behind it; elsewhere it came on an empty text, and goes back so.
fn model_parts(
    model: &Model,
    generation: Option<Generation>,
    assistant: &AssistantMessage,
) -> Vec<Value> {
    let own = assistant.api == Api::GoogleGenerativeAi.as_str()
        && assistant.provider == model.reference.provider
        && assistant.model == model.reference.model;
    let mut parts = Vec::new();
    let mut has_call = false;
    let mut seal: Option<&str> = None;
    let mut rest = assistant.content.iter().peekable();
    while let Some(item) = rest.next() {
        match item {
            AssistantPart::Text { text } if text.trim().is_empty() => {}
            AssistantPart::Text { text } => parts.push(json!({"text": text})),
            AssistantPart::Thinking(thinking) => {
                let Some(signature) = thinking.signature.as_deref().filter(|_| own) else {
                    continue;
                };
                if !thinking.thinking.is_empty() {
                    parts.push(json!({
                        "thought": true, "text": thinking.thinking, "thoughtSignature": signature,
                    }));
                } else if matches!(rest.peek(), Some(AssistantPart::ToolCall(_))) {
                    seal = Some(signature);
                } else {
                    parts.push(json!({"text": "", "thoughtSignature": signature}));
                }
            }
            AssistantPart::ToolCall(call) => {
                // Of parallel calls only the first is signed.
                let wanted = !has_call && Generation::is_third_or_later(generation);
                let signature = seal.take().or(wanted.then_some(NO_SIGNATURE));
                parts.push(function_call(call, signature));
                has_call = true;
            }
        }
    }
    parts
}

fn function_call(call: &ToolCall, signature: Option<&str>) -> Value {
    let args: Value = serde_json::from_str(&call.arguments)
        .ok()
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({}));
    let mut part = json!({"functionCall": {"id": call.id, "name": call.name, "args": args}});
    if let Some(signature) = signature {
        part["thoughtSignature"] = signature.into();
    }
    part
}

/// A result and its pictures: inside it for models that read them there, else right behind it.
fn result_parts(generation: Option<Generation>, result: &ToolResultMessage) -> Vec<Value> {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    for content in &result.content {
        match content {
            Content::Text { text, .. } => texts.push(text.as_str()),
            Content::Image(image) => images.push(inline(image)),
        }
    }
    let text = match (texts.is_empty(), images.is_empty()) {
        (true, false) => "(see the attached image)".to_owned(),
        _ => texts.join("\n"),
    };
    let key = if result.is_error { "error" } else { "output" };
    let mut response = json!({
        "id": result.tool_call_id, "name": result.tool_name, "response": {key: text},
    });
    if !images.is_empty() && Generation::is_third_or_later(generation) {
        response["parts"] = std::mem::take(&mut images).into();
    }
    let mut parts = vec![json!({"functionResponse": response})];
    parts.append(&mut images);
    parts
}
