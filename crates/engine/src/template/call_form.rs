//! How a model writes its tool calls: as its own chat template writes those of earlier turns.

use moltbot_llm::{ToolCall, ToolSpec};

/// A form of calls whose arguments are JSON, with the text around them. Every form here is one that
/// [`moltbot_llm::TextDecoder`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallForm {
    /// Before the first call.
    pub first: &'static str,
    /// Before a call's name.
    pub before: &'static str,
    /// Between a call's name and its arguments.
    pub middle: &'static str,
    /// After a call's arguments.
    pub after: &'static str,
    /// Between two calls.
    pub between: &'static str,
    /// After the last call.
    pub last: &'static str,
    /// Whether the form has a place for more than one call.
    pub several: bool,
}

impl CallForm {
    /// What announces calls in this form and nothing else; `None` where data might begin in the same way.
    pub(crate) fn marker(&self) -> Option<&'static str> {
        match *self {
            Self::HERMES => Some("<tool_call>"),
            Self::MISTRAL => Some("[TOOL_CALLS]"),
            _ => None,
        }
    }

    /// Hermes, Qwen2.5, Qwen3, and every model whose template knows nothing of tools.
    pub const HERMES: Self = Self {
        first: "",
        before: "<tool_call>\n{\"name\": \"",
        middle: "\", \"arguments\": ",
        after: "}\n</tool_call>",
        between: "\n",
        last: "",
        several: true,
    };

    /// Llama 3: one bare object a turn.
    pub const LLAMA: Self = Self {
        first: "",
        before: "{\"name\": \"",
        middle: "\", \"parameters\": ",
        after: "}",
        between: "",
        last: "",
        several: false,
    };

    /// Mistral up to its tokenizer v7: a list of objects.
    pub const MISTRAL: Self = Self {
        first: "[TOOL_CALLS][",
        before: "{\"name\": \"",
        middle: "\", \"arguments\": ",
        after: "}",
        between: ", ",
        last: "]",
        several: true,
    };

    /// The form in which `rendered`, the rendering of a call of `name` with `arguments`, writes it; `None` for a form
    /// that is not listed here.
    pub(super) fn of(rendered: &str, name: &str, arguments: &str) -> Option<Self> {
        let forms = if rendered.contains("[TOOL_CALLS]") {
            [Self::MISTRAL].as_slice()
        } else {
            &[Self::HERMES, Self::LLAMA]
        };
        forms.iter().copied().find(|form| {
            let call = format!("{}{name}{}{arguments}", form.before, form.middle);
            rendered.contains(&call)
        })
    }

    /// The text of these calls.
    pub(super) fn write<'a>(&self, calls: impl Iterator<Item = &'a ToolCall>) -> String {
        let calls: Vec<String> = calls
            .map(|call| {
                format!(
                    "{}{}{}{}{}",
                    self.before, call.name, self.middle, call.arguments, self.after
                )
            })
            .collect();
        format!("{}{}{}", self.first, calls.join(self.between), self.last)
    }

    /// What tells a model of these tools whose template does not.
    pub(super) fn introduction(&self, tools: &[ToolSpec]) -> String {
        let mut text = String::from("You can call these tools:\n");
        for tool in tools {
            let line = serde_json::json!({
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            });
            text.push_str(&format!("{line}\n"));
        }
        text.push_str(&format!(
            "To call a tool, answer with nothing but the call:\n{}{}TOOL{}{{ARGUMENTS}}{}{}",
            self.first, self.before, self.middle, self.after, self.last
        ));
        text
    }
}
