//! Turns a conversation into the prompt text that a model was trained on, by the chat template in its own file.
//!
//! Templates are Jinja written for Hugging Face's Python code, so they run here with its settings, functions and
//! string methods. What a template cannot express (a system message, tool calls, two user messages in a row) is found
//! out once, by rendering small conversations, and written in a form that it can.

mod jinja;
mod turns;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use moltbot_llm::{CallForm, Message, ToolSpec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use turns::literal;

/// What is said so far, as the engine's worker receives it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The system prompt; empty means none.
    #[serde(default)]
    pub system: String,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// The tools offered. Where the template has no place for them, the system prompt tells of them.
    #[serde(default)]
    pub tools: Vec<ToolSpec>,
    /// Whether the model should reason, for templates that know a switch for it (`enable_thinking`).
    #[serde(default)]
    pub thinking: bool,
}

/// The tokens that frame a prompt, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begin of sequence; empty where the model has none.
    pub bos: String,
    /// End of sequence; empty where the model has none.
    pub eos: String,
    /// Every control token. Where one of them is spelled out in a message, it is kept from being read as the token.
    pub control: Vec<String>,
}

/// A chat template that cannot be used, or that refuses a conversation.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The template in the model's file is not valid.
    #[error("the chat template in the model's file cannot be read: {0}")]
    Invalid(String),
    /// The template refuses the conversation.
    #[error("the model's chat template refuses this conversation: {0}")]
    Refused(String),
}

/// The ChatML format, which most instruct models whose file names no template were trained on.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const NAME: &str = "chat";

/// What a template is able to express.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateAbilities {
    /// It takes a message of the role `system`.
    pub system: bool,
    /// It takes two messages of the same role in a row, and a conversation that does not begin with the user.
    pub any_order: bool,
    /// It shows the model the tools that are offered.
    pub tools: bool,
    /// It writes tool calls and results of earlier turns.
    pub tool_calls: bool,
}

/// A model's chat template, compiled and probed.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    tokens: SpecialTokens,
    abilities: TemplateAbilities,
    call_form: Option<CallForm>,
    /// It writes words and calls of one answer, each on lines of their own.
    words_before_calls: bool,
    thinks: bool,
}

/// A rendered prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The text in pieces. A control token is only a token within a piece: a spelled-out one of a message is cut in two.
    pieces: Vec<String>,
}

impl Prompt {
    /// The pieces, to be made into tokens one by one.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// The whole text.
    pub fn text(&self) -> String {
        self.pieces.concat()
    }
}

impl ChatTemplate {
    /// Compiles `source`, the template of a model's file, or ChatML where the file has none.
    ///
    /// # Errors
    /// A template that is no valid Jinja, or that refuses even a single user message.
    pub fn new(source: Option<&str>, tokens: SpecialTokens) -> Result<Self, TemplateError> {
        let environment = jinja::environment(NAME, source.unwrap_or(CHATML))
            .map_err(|error| TemplateError::Invalid(jinja::reason(&error)))?;
        let mut template = Self {
            environment,
            tokens,
            // The cautious form; the probes below go through the same rendering.
            abilities: TemplateAbilities {
                system: false,
                any_order: false,
                tools: false,
                tool_calls: false,
            },
            call_form: Some(CallForm::HERMES),
            words_before_calls: true,
            thinks: source.is_some_and(|source| source.contains("</think>")),
        };
        template.probe()?;
        Ok(template)
    }

    /// What the template is able to express.
    pub fn abilities(&self) -> TemplateAbilities {
        self.abilities
    }

    /// How the model writes its calls; `None` for a form that this program can read and not prescribe.
    pub fn call_form(&self) -> Option<CallForm> {
        self.call_form
    }

    /// What begins the line on which calls may follow words: where the form's calls cannot be taken for anything else, and
    /// the template writes both in later turns as the model wrote them.
    pub fn call_marker(&self) -> Option<&'static str> {
        let form = self.call_form.filter(|_| self.words_before_calls)?;
        form.marker()
    }

    /// Whether the model may reason between `<think>` and `</think>` before it answers.
    pub fn thinks(&self) -> bool {
        self.thinks
    }

    /// The text of `conversation`, ending where the model's answer begins. Thinking of earlier turns is left out.
    ///
    /// # Errors
    /// A conversation that the template refuses.
    pub fn render(&self, conversation: &Conversation) -> Result<Prompt, TemplateError> {
        let turns = turns::turns(
            conversation,
            self.abilities,
            self.call_form.unwrap_or(CallForm::HERMES),
            &self.tokens.control,
        );
        let tools = if self.abilities.tools {
            turns::tools(&conversation.tools, &self.tokens.control)
        } else {
            Vec::new()
        };
        let text = self.render_turns(&turns, &tools, conversation.thinking)?;
        Ok(Prompt {
            pieces: text
                .split(turns::CUT)
                .filter(|piece| !piece.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    fn render_turns(
        &self,
        turns: &[serde_json::Value],
        tools: &[serde_json::Value],
        thinking: bool,
    ) -> Result<String, TemplateError> {
        // Python code passes `None`, not an empty list, when there are no tools; templates test for either.
        let tools = if tools.is_empty() {
            Value::from(())
        } else {
            Value::from(Serde(tools))
        };
        let context = context! {
            messages => Value::from(Serde(turns)),
            tools => tools,
            documents => Value::from(()),
            add_generation_prompt => true,
            enable_thinking => thinking,
            bos_token => self.tokens.bos.as_str(),
            eos_token => self.tokens.eos.as_str(),
        };
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(context))
            .map_err(|error| TemplateError::Refused(jinja::reason(&error)))
    }

    /// Finds out what the template can express: it can where the words of the probe come out.
    fn probe(&mut self) -> Result<(), TemplateError> {
        let user = serde_json::json!({"role": "user", "content": "probe-user"});
        let system = serde_json::json!({"role": "system", "content": "probe-system"});
        let answer = serde_json::json!({"role": "assistant", "content": "probe-answer"});
        let tool = serde_json::json!({"type": "function", "function": {
            "name": "probe_tool",
            "description": "probe-description",
            "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "A city"}}, "required": ["city"]},
        }});
        let call = serde_json::json!({"role": "assistant", "content": "", "tool_calls": [
            {"id": "call00001", "type": "function", "function": {"name": "probe_tool", "arguments": {"city": "probe-argument"}}},
        ]});
        let result = serde_json::json!({
            "role": "tool", "name": "probe_tool", "tool_call_id": "call00001", "content": "probe-result",
        });

        self.render_turns(std::slice::from_ref(&user), &[], false)?;
        let earlier_call = [user.clone(), call, result];
        let shows = |turns: &[serde_json::Value], tools: &[serde_json::Value], words: &[&str]| {
            self.render_turns(turns, tools, false)
                .is_ok_and(|text| words.iter().all(|word| text.contains(word)))
        };
        self.abilities = TemplateAbilities {
            system: shows(
                &[system, user.clone()],
                &[],
                &["probe-system", "probe-user"],
            ),
            any_order: shows(
                &[answer.clone(), answer, user.clone(), user.clone()],
                &[],
                &["probe-answer", "probe-user"],
            ),
            tools: shows(
                std::slice::from_ref(&user),
                std::slice::from_ref(&tool),
                &["probe_tool", "city"],
            ),
            tool_calls: shows(
                &earlier_call,
                std::slice::from_ref(&tool),
                &["probe_tool", "probe-argument", "probe-result"],
            ),
        };
        if self.abilities.tool_calls {
            let text = self.render_turns(&earlier_call, std::slice::from_ref(&tool), false)?;
            let arguments = r#"{"city": "probe-argument"}"#;
            self.call_form = CallForm::of(&text, "probe_tool", arguments);
            let mut with_words = earlier_call;
            with_words[1]["content"] = serde_json::json!("probe-words");
            let text = self.render_turns(&with_words, &[tool], false)?;
            self.words_before_calls = self.call_form.is_some_and(|form| {
                text.contains(&format!("probe-words\n{}{}", form.first, form.before))
            });
            if !self.abilities.tools {
                self.call_form.get_or_insert(CallForm::HERMES);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
