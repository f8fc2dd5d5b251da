//! What keeps calls valid that a model writes as text: a grammar for the servers that take one.

use serde_json::{Map, Value, json};

use crate::gbnf;
use crate::model::{Api, Model};
use crate::probe::ServerKind;
use crate::request::Request;

/// Models with fewer parameters than this do not find the end of a string; what they write is bounded.
const SMALL_MODEL: u64 = 1_000_000_000;

/// The field of the body that holds the grammar; `None` where the server takes none, or calls go as they should.
///
/// llama.cpp takes `grammar`. vLLM takes `structured_outputs` from 0.11 on, and ignores it before that.
pub(crate) fn field(model: &Model) -> Option<&'static str> {
    if !model.repairs.tools_as_text || model.api != Api::OpenAiCompletions {
        return None;
    }
    match model.server? {
        ServerKind::LlamaCpp => Some("grammar"),
        ServerKind::Vllm => Some("structured_outputs"),
        _ => None,
    }
}

/// Holds the answer to the tools of `request`, which is as the caller made it, where the server can.
pub(super) fn insert(model: &Model, request: &Request, fields: &mut Map<String, Value>) {
    let Some(field) = field(model).filter(|_| !request.tools.is_empty()) else {
        return;
    };
    let is_small = model.parameters.is_some_and(|count| count < SMALL_MODEL);
    let bound = is_small.then(|| request.max_tokens.unwrap_or(model.max_tokens));
    let Some(grammar) = gbnf::grammar(&request.tools, &request.tool_choice, bound) else {
        return;
    };
    let value = match field {
        "grammar" => grammar.into(),
        _ => json!({"grammar": grammar}),
    };
    fields.insert(field.to_owned(), value);
}
