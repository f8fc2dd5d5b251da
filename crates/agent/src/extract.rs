//! `extract`: one value of a text that the conversation does not read.
//!
//! The source is read by another tool of the conversation, and its call is planned by that tool, so it is decided on
//! like one of that tool. What that tool brings goes to a model apart (`reader`); into the conversation comes a value
//! that the program has checked (`value`). A number, a date, yes or no, and a choice do not taint; a short text does,
//! like what it was taken from.

mod reader;
mod value;

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_guard::{Effect, Plan, less_trusted};
use moltbot_llm::{Content, Provenance, ToolSpec};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::arguments;
use crate::calls::foreign_words;
use crate::tool::{Arguments, Scene, Tool, ToolError, ToolOutput, read_arguments};
use crate::toolbox::Toolbox;
pub use reader::QuarantinedReader;
use reader::{Found, Reading};
use value::{Kind, Wanted};

/// The tool's name.
const EXTRACT: &str = "extract";

/// Reads a page, a file or what another tool brings, apart from the conversation, and tells one value of it.
pub struct Extract {
    sources: Toolbox,
    reader: QuarantinedReader,
}

#[derive(Deserialize)]
struct Asked {
    question: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    options: Vec<String>,
}

/// A call of another tool, which brings what is read.
struct Source {
    tool: Arc<dyn Tool>,
    name: String,
    arguments: Arguments,
}

impl Extract {
    /// A tool that reads with these tools, and has what they bring read by `reader`.
    pub fn new(sources: Toolbox, reader: QuarantinedReader) -> Self {
        Self { sources, reader }
    }

    /// The tool that `source` is read with and its arguments, as far as they were told.
    fn named(&self, asked: &Arguments) -> (String, Arguments) {
        let source = asked.get("source").and_then(Value::as_str);
        let source = source.unwrap_or_default().trim();
        let further = asked.get("arguments").and_then(Value::as_object);
        let mut arguments = further.cloned().unwrap_or_else(Map::new);
        let is_url = ["http://", "https://"].iter().any(|scheme| {
            let head = source.get(..scheme.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
        });
        let (tool, parameter) = match is_url {
            true => ("web_fetch", "url"),
            false if further.is_some() && self.sources.get(source).is_some() => {
                return (source.to_owned(), arguments);
            }
            false => ("read", "path"),
        };
        arguments.insert(parameter.to_owned(), source.into());
        (tool.to_owned(), arguments)
    }

    /// The call that reads the source.
    ///
    /// # Errors
    /// Why there is none, and whose words that is: it may quote the tool's schema.
    fn source(&self, asked: &Arguments) -> Result<Source, (String, Provenance)> {
        let (name, arguments) = self.named(asked);
        let Some(tool) = self.sources.get(&name) else {
            let reason = format!("There is no tool {name} here, so this source cannot be read.");
            return Err((reason, Provenance::Program));
        };
        let arguments = Value::Object(arguments).to_string();
        let arguments = arguments::read(&arguments, &tool.spec(), tool.aliases())
            .map_err(|reason| (reason, foreign_words(tool.as_ref())))?;
        Ok(Source {
            arguments,
            tool: Arc::clone(tool),
            name,
        })
    }
}

impl Source {
    fn plan(&self, scene: &Scene<'_>) -> Plan {
        let mut plan = self.tool.plan(&self.arguments, scene);
        let reads = matches!(
            plan.effect,
            Effect::ReadsOwn | Effect::ReadsPrivate | Effect::ReadsOutside
        );
        if !reads {
            plan.forbidden = Some(format!(
                "{EXTRACT} only reads, and {} does more.",
                self.name
            ));
        }
        plan
    }

    /// What is told where there was nothing to read. Of what the tool says only the program's own words are passed on.
    fn unread(&self, said: &[Content]) -> ToolOutput {
        let own: Vec<&str> = of_program(said).collect();
        let why = match own.is_empty() {
            true => format!(
                "{} brought an error instead of a text. It is not shown here: others may have written it.",
                self.name
            ),
            false => own.join("\n"),
        };
        ToolOutput::text(why, Provenance::Program).failed()
    }
}

#[async_trait]
impl Tool for Extract {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: EXTRACT.to_owned(),
            description: "Get one fact from a page or file, safe from what else it says."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "source": {"type": "string", "description": "URL, path, or tool to read with"},
                    "arguments": {"type": "object"},
                    "question": {"type": "string"},
                    "type": {"type": "string", "enum": ["number", "date", "yes_no", "choice", "text"]},
                    "options": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["source", "question", "type"],
            }),
        }
    }

    fn aliases(&self) -> &[(&str, &str)] {
        &[
            ("url", "source"),
            ("path", "source"),
            ("file", "source"),
            ("prompt", "question"),
            ("choices", "options"),
        ]
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        match self.source(arguments) {
            Ok(source) => source.plan(scene),
            Err((reason, _)) => Plan::new(Effect::ReadsOwn, format!("nothing: {reason}")),
        }
    }

    fn through(&self, arguments: &Arguments) -> Option<String> {
        Some(self.named(arguments).0)
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let source = match self.source(&arguments) {
            Ok(source) => source,
            Err((reason, from)) => return Ok(ToolOutput::text(reason, from).failed()),
        };
        let asked: Asked = read_arguments(arguments)?;
        let wanted = Wanted::new(asked.kind, asked.options).map_err(ToolError::Arguments)?;
        if let Some(reason) = source.plan(scene).forbidden {
            return Err(ToolError::Arguments(reason));
        }
        let brought = match source.tool.call(source.arguments.clone(), scene).await {
            Ok(brought) if brought.is_error => return Ok(source.unread(&brought.content)),
            Ok(brought) => brought,
            Err(ToolError::Arguments(reason)) => return Err(ToolError::Arguments(reason)),
            Err(ToolError::Failed(_)) => return Ok(source.unread(&[])),
        };
        let label = label(&brought.content, wanted.kind);
        let notes = notes(&brought.content);
        let is_cut = is_cut(&brought.content);
        let mut reading = self
            .reader
            .ask(scene.session, &asked.question, &wanted, brought.content)
            .await;
        reading.is_cut |= is_cut;
        reading.spent.usage += brought.spent.usage;
        reading.spent.cost += brought.spent.cost;
        Ok(told(reading, label, notes))
    }
}

/// Where a value of this kind comes from that was taken from these parts. A text is as trusted as the least trusted of
/// them, and no more than the model that wrote it.
fn label(parts: &[Content], kind: Kind) -> Provenance {
    match kind {
        Kind::Number | Kind::Date | Kind::YesNo | Kind::Choice => Provenance::Value,
        Kind::Text => {
            let sources = parts.iter().map(Content::from);
            sources.fold(Provenance::Agent, less_trusted)
        }
    }
}

/// The program's own words about a text, such as that there is more of it.
fn notes(parts: &[Content]) -> Vec<String> {
    let is_others = |part: &Content| part.from() != Provenance::Program;
    match parts.iter().any(is_others) {
        true => of_program(parts).map(str::to_owned).collect(),
        false => Vec::new(),
    }
}

/// Whether a tool that tells JSON tells that it brought no more than a part.
fn is_cut(parts: &[Content]) -> bool {
    #[derive(Deserialize)]
    struct Told {
        truncated: bool,
    }
    let mut texts = parts.iter().filter_map(Content::as_text);
    texts.any(|text| serde_json::from_str(text).is_ok_and(|told: Told| told.truncated))
}

fn of_program(parts: &[Content]) -> impl Iterator<Item = &str> {
    let own = parts
        .iter()
        .filter(|part| part.from() == Provenance::Program);
    own.filter_map(Content::as_text)
}

fn told(reading: Reading, label: Provenance, mut notes: Vec<String>) -> ToolOutput {
    let output = match reading.outcome {
        Ok(Found::Value(value)) => ToolOutput::text(value, label),
        // Whoever wrote the text may have seen to it that there is nothing: that is a value, too.
        Ok(Found::Nothing) => ToolOutput::text("The text does not say.", Provenance::Value),
        Err(error) => ToolOutput::text(error.to_string(), Provenance::Value).failed(),
    };
    if reading.is_cut {
        notes.push("[Only the beginning of it was read: the whole is too long.]".to_owned());
    }
    let mut output = output.spending(reading.spent);
    if !notes.is_empty() {
        let notes = Content::text(notes.join("\n"), Provenance::Program);
        output.content.push(notes);
    }
    output
}
