//! Refusals of tools, and of calls without results.

use serde_json::json;

use super::{BAD, Manner, Reason, Refusal, Words};
use crate::answer::Dialect;
use crate::capable::capabilities::Kind;

impl Manner<'_> {
    pub(in crate::capable) fn tools(&self) -> Refusal {
        let model = &self.can.model;
        match self.kind() {
            Kind::LlamaCpp => {
                let words = Words {
                    status: 500,
                    kind: "server_error",
                    ..BAD
                };
                self.say(Reason::Tools, words, "tools param requires --jinja flag")
            }
            Kind::Vllm => {
                let message = "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set";
                self.say(Reason::Tools, BAD, message)
            }
            Kind::Generic if !self.is_anthropic() => {
                let message = "No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing";
                let body = json!({"error": {"message": message, "code": 404}});
                Refusal::new(Reason::Tools, 404, body)
            }
            _ => {
                let message = format!("registry.ollama.ai/library/{model} does not support tools");
                self.say(Reason::Tools, BAD, &message)
            }
        }
    }

    pub(in crate::capable) fn schema(
        &self,
        number: usize,
        tool: &str,
        problem: SchemaProblem,
    ) -> Refusal {
        let say = |words, message: &str| self.say(Reason::Schema, words, message);
        let conversion = |what: &str| format!("JSON schema conversion failed:\n{what}");
        match (self.kind(), problem) {
            (Kind::LmStudio, SchemaProblem::Empty) => {
                let param = format!("tools.{number}");
                let words = Words {
                    param: Some(&param),
                    code: Some("custom"),
                    ..BAD
                };
                say(words, "Invalid input")
            }
            (Kind::LlamaCpp | Kind::LmStudio | Kind::Ollama, problem) => {
                let message = match problem {
                    SchemaProblem::Pattern => {
                        conversion("Pattern must start with '^' and end with '$'")
                    }
                    SchemaProblem::Ref => conversion("Error resolving ref: the schema has none"),
                    SchemaProblem::MaxLength | SchemaProblem::Empty => {
                        "Failed to initialize samplers: failed to parse grammar".to_owned()
                    }
                    SchemaProblem::RootAnyOf | SchemaProblem::PropertyNames => format!(
                        "Unable to generate parser for this template. Automatic parser generation failed: {}",
                        conversion("Unrecognized schema")
                    ),
                };
                say(BAD, &message)
            }
            (Kind::Vllm | Kind::Sglang | Kind::LiteLlm, _) => say(
                BAD,
                "The provided JSON schema contains features not supported by xgrammar.",
            ),
            (Kind::Generic, _) => {
                let param = format!("tools[{number}].function.parameters");
                let words = Words {
                    param: Some(&param),
                    code: Some("invalid_function_parameters"),
                    ..BAD
                };
                let message = format!(
                    "Invalid schema for function '{tool}': In context=(), '{}' is not permitted.",
                    problem.keyword()
                );
                say(words, &message)
            }
        }
    }

    pub(in crate::capable) fn tool_id(&self, id: &str) -> Refusal {
        if self.kind() == Kind::Generic {
            let message =
                format!("Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9.");
            let body = json!({
                "object": "error", "message": message, "type": "invalid_function_call",
                "param": null, "code": "3280", "raw_status_code": 400,
            });
            return Refusal::new(Reason::ToolId, 400, body);
        }
        let complaint = "Tool call IDs should be alphanumeric strings with length 9!";
        self.template(Reason::ToolId, complaint)
    }

    pub(in crate::capable) fn lone_result(&self, id: &str) -> Refusal {
        let message = match self.dialect {
            Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => {
                "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                    .to_owned()
            }
            Dialect::OpenAiResponses => {
                format!("No tool call found for function call output with call_id {id}.")
            }
            Dialect::AnthropicMessages => format!(
                "messages: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            ),
        };
        self.say(Reason::Pairing, BAD, &message)
    }

    pub(in crate::capable) fn lone_call(&self, id: &str) -> Refusal {
        let message = match self.dialect {
            Dialect::OpenAiChat | Dialect::GoogleGenerate | Dialect::OllamaChat => format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {id}"
            ),
            Dialect::OpenAiResponses => {
                format!("No tool output found for function call {id}.")
            }
            Dialect::AnthropicMessages => format!(
                "messages: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            ),
        };
        self.say(Reason::Pairing, BAD, &message)
    }
}

/// What a schema holds that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capable) enum SchemaProblem {
    Pattern,
    Ref,
    RootAnyOf,
    Empty,
    PropertyNames,
    MaxLength,
}

impl SchemaProblem {
    fn keyword(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::Ref => "$ref",
            Self::RootAnyOf => "anyOf",
            Self::Empty => "type",
            Self::PropertyNames => "propertyNames",
            Self::MaxLength => "maxLength",
        }
    }
}
