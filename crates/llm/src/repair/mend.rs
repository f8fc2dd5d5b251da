//! From a refusal to the repairs that answer it.

use super::Repairs;
use crate::dialect::constraint_field;
use crate::endpoint::Endpoint;
use crate::failure::{Failure, FailureClass};
use crate::model::{Api, Model};
use crate::request::Request;

/// Fields that a body cannot do without.
const ESSENTIAL: &[&str] = &[
    "model", "messages", "input", "stream", "tools", "contents", "system",
];

/// The names that the output limit goes by.
const LIMITS: &[&str] = &["max_tokens", "max_completion_tokens", "max_output_tokens"];

/// Words by which a refusal of no known kind shows that it is about the form of the request.
const HINTS: &[&str] = &[
    "not supported",
    "unsupported",
    "not permitted",
    "not allowed",
    "unexpected",
    "unrecognized",
    "unknown",
    "extra",
    "invalid",
    "role",
    "content",
    "system",
    "image",
    "tool",
    "schema",
    "template",
    "format",
];

/// Fields that are sent of our own accord.
const OPTIONAL: &[&str] = &[
    "stream_options",
    "store",
    "strict",
    "parallel_tool_calls",
    "return_progress",
    "cache_prompt",
    "id_slot",
];

/// Fields that the caller or the owner asked for, but that an answer can do without.
const WISHES: &[&str] = &[
    "temperature",
    "tool_choice",
    "reasoning_effort",
    "reasoning",
    "include",
    "grammar",
    "structured_outputs",
];

/// Output tokens asked for at most where a server refuses more and does not say how many it takes.
const MODEST_OUTPUT: u64 = 4096;

/// The form in which the request may be taken after this refusal; `None` where no other form would help.
///
/// A server that refuses one thing often refuses the next: everything that costs nothing (turns that alternate, plain
/// content, simple schemas) is mended at once. What costs something (tools in words, pictures, fields that the owner set) only
/// where the refusal names it.
pub(super) fn mend(failure: &Failure, model: &Model, request: &Request) -> Option<Repairs> {
    if failure.after_text || Endpoint::new(model).is_vendor() && !is_named(failure) {
        return None;
    }
    let mut mended = model.repairs.clone();
    let text = failure.detail.to_lowercase();
    let says = |word: &str| text.contains(word);
    let is_refusal = matches!(
        failure.class,
        FailureClass::BadRequest | FailureClass::SchemaUnsupported | FailureClass::ParamRejected
    );
    if let Some(field) = constraint_field(model)
        && is_refusal
        && (says("grammar") || says("structured"))
        && mended.dropped.insert(field.to_owned())
    {
        return Some(mended);
    }
    let named = match failure.class {
        FailureClass::ParamRejected => params(failure, model, &mut mended),
        FailureClass::SchemaUnsupported if !mended.simple_schemas => {
            mended.simple_schemas = true;
            true
        }
        FailureClass::SchemaUnsupported | FailureClass::ToolsUnsupported => {
            tools_as_text(request, &mut mended)
        }
        FailureClass::ImagesUnsupported if request.has_images() => {
            mended.without_images = true;
            return (mended != model.repairs).then_some(mended);
        }
        FailureClass::TemplateRejected => {
            if says("system") && (says("support") || says("not allowed")) || mended.strict_turns {
                mended.system_in_user = !request.system.is_empty();
            }
            mended.strict_turns = true;
            true
        }
        FailureClass::OutputBudget => lower_output(failure, request, &mut mended),
        // The prompt alone would fit: it is the output that does not.
        FailureClass::ContextOverflow if matches!((failure.tokens.prompt, failure.tokens.limit), (Some(prompt), Some(limit)) if prompt < limit) => {
            lower_output(failure, request, &mut mended)
        }
        FailureClass::HistoryRejected => {
            if says("reasoning") || says("thinking") || says("signature") {
                mended.without_sealed_reasoning = true;
            } else if says("id") {
                mended.short_call_ids = true;
            }
            mended.strict_turns = true;
            true
        }
        FailureClass::WrongEndpoint => other_dialect(failure, model, &mut mended),
        FailureClass::BadRequest => {
            if says("image") && request.has_images() {
                mended.without_images = true;
            } else if says("tool") && !says("tool_choice") && model.repairs.simple_schemas {
                tools_as_text(request, &mut mended);
            } else if says("developer") {
                mended.plain_system_role = true;
            } else if says("system") && says("role") || says("system message") {
                mended.system_in_user = !request.system.is_empty();
            }
            HINTS.iter().any(|hint| says(hint))
        }
        _ => return None,
    };
    if !named {
        return None;
    }
    harmless(failure, model, request, &mut mended);
    (mended != model.repairs).then_some(mended)
}

/// Whether the refusal says what it is about: a vendor's API needs no guessing.
fn is_named(failure: &Failure) -> bool {
    !matches!(
        failure.class,
        FailureClass::BadRequest | FailureClass::WrongEndpoint
    )
}

/// Fields that the server does not know, or not with this content.
fn params(failure: &Failure, model: &Model, mended: &mut Repairs) -> bool {
    let mut any = failure.params.is_empty();
    for path in &failure.params {
        any |= param(path, failure, model, mended);
    }
    any
}

fn param(path: &str, failure: &Failure, model: &Model, mended: &mut Repairs) -> bool {
    let text = failure.detail.to_lowercase();
    let segments: Vec<&str> = path
        .split(['.', '[', ']', '/'])
        .filter(|segment| !segment.is_empty() && *segment != "body")
        .collect();
    let Some(&field) = segments.first() else {
        return true;
    };
    match field {
        "messages" | "input" if text.contains("developer") => mended.plain_system_role = true,
        "messages" | "input" if text.contains("image") => mended.without_images = true,
        "messages" | "input" => mended.plain_content = true,
        "developer" => mended.plain_system_role = true,
        "tools" if segments.contains(&"strict") => {
            mended.dropped.insert("strict".to_owned());
        }
        "tools" if mended.simple_schemas => return tools_as_text_named(mended),
        "tools" => mended.simple_schemas = true,
        "strict" => {
            mended.dropped.insert("strict".to_owned());
        }
        field if LIMITS.contains(&field) && model.api != Api::AnthropicMessages => {
            // Where the refusal names the field to use instead, the owner's (or the vendor's) choice is turned round.
            mended
                .dropped
                .extend(LIMITS.iter().map(|limit| (*limit).to_owned()));
            let other = LIMITS
                .iter()
                .find(|other| **other != field && text.contains(&format!("'{other}'")));
            if let Some(other) = other {
                mended.dropped.remove(*other);
            }
        }
        field if ESSENTIAL.contains(&field) || LIMITS.contains(&field) => {}
        field => {
            mended.dropped.insert(field.to_owned());
            if field == "reasoning" || field == "reasoning_effort" {
                mended.without_sealed_reasoning |= model.api == Api::OpenAiResponses;
            }
        }
    }
    true
}

fn tools_as_text(request: &Request, mended: &mut Repairs) -> bool {
    (!request.tools.is_empty()) && tools_as_text_named(mended)
}

fn tools_as_text_named(mended: &mut Repairs) -> bool {
    let new = !mended.tools_as_text;
    mended.tools_as_text = true;
    new
}

/// As much output as the server's figures leave room for; a modest amount where it gives none.
fn lower_output(failure: &Failure, request: &Request, mended: &mut Repairs) -> bool {
    let Some(asked) = request.max_tokens else {
        return false;
    };
    let asked = mended.max_tokens.map_or(asked, |max| max.min(asked));
    let room = match (failure.tokens.limit, failure.tokens.prompt) {
        (Some(limit), Some(prompt)) if limit > prompt => limit - prompt,
        (Some(limit), None) if limit < asked => limit,
        _ => MODEST_OUTPUT.min(asked / 2),
    };
    // A prompt that grows by the next turn's words should still fit.
    let lowered = room.min(asked.saturating_sub(1));
    if lowered < 64 {
        return false;
    }
    mended.max_tokens = Some(lowered);
    true
}

/// Chat Completions is what nearly every server speaks.
fn other_dialect(failure: &Failure, model: &Model, mended: &mut Repairs) -> bool {
    let redirected = matches!(failure.status, Some(300..400));
    if redirected || !matches!(model.api, Api::OpenAiResponses | Api::AnthropicMessages) {
        return false;
    }
    mended.api = Some(Api::OpenAiCompletions);
    true
}

/// What changes nothing in the meaning, and what a server that refuses things may refuse next.
fn harmless(failure: &Failure, model: &Model, request: &Request, mended: &mut Repairs) {
    if Endpoint::new(model).is_vendor() {
        return;
    }
    mended.strict_turns = true;
    mended.plain_content = true;
    mended.plain_system_role = true;
    mended.short_call_ids = true;
    mended.simple_schemas |= !request.tools.is_empty();
    // Even programs that we know differ from build to build and from flag to flag in what they take.
    let is_second = !model.repairs.is_empty();
    mended.system_in_user |= !request.system.is_empty();
    let mut drop = |fields: &[&str]| {
        let fields = fields.iter().map(|field| (*field).to_owned());
        mended.dropped.extend(fields);
    };
    drop(OPTIONAL);
    if is_second {
        drop(WISHES);
    }
    // The Messages API cannot do without a limit, and one that the server spoke of has been seen to.
    let spoken_of = |param: &String| LIMITS.contains(&param.as_str());
    let needs_limit = mended.api.unwrap_or(model.api) == Api::AnthropicMessages
        || failure.class == FailureClass::OutputBudget
        || failure.params.iter().any(spoken_of);
    if !needs_limit && (is_second || failure.class == FailureClass::ParamRejected) {
        // The owner's own limit stays until the server refuses it by name.
        if model.output_limit.is_none() {
            mended
                .dropped
                .extend(LIMITS.iter().map(|limit| (*limit).to_owned()));
        }
    } else if let Some(asked) = request.max_tokens
        && model.output_limit.is_none()
    {
        let max = mended.max_tokens.unwrap_or(u64::MAX);
        mended.max_tokens = Some(max.min(asked).min(MODEST_OUTPUT));
    }
}
