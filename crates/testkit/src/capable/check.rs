//! What a server holds against a request before its model sees it.

use crate::answer::Dialect;
use serde_json::Value;

use super::ask::{Ask, Role, Turn};
use super::capabilities::{Capabilities, Kind, Overflow, Schemas, SystemRule, Tools};
use super::refusal::{Refusal, SchemaProblem, manner};

/// The first thing that is wrong, in the order in which servers look: the form of the body,
/// the tools, the template, the figures.
pub(super) fn check(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    fields(can, ask)
        .or_else(|| model(can, ask))
        .or_else(|| tools(can, ask))
        .or_else(|| contents(can, ask))
        .or_else(|| roles(can, ask))
        .or_else(|| pairs(can, ask))
        .or_else(|| figures(can, ask))
}

fn fields(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    let refused = |name: &str| {
        // The Messages API cannot do without its limit.
        let is_required = ask.dialect == Dialect::AnthropicMessages && name == "max_tokens";
        can.refused_fields.contains(name) && !is_required
    };
    let mut places: Vec<Vec<Value>> = ask
        .body
        .keys()
        .filter(|name| refused(name))
        .map(|name| vec![Value::from(name.as_str())])
        .collect();
    if refused("strict") {
        let strict = ask
            .tools
            .iter()
            .enumerate()
            .filter(|(_, tool)| tool.has_strict);
        places.extend(strict.map(|(number, _)| {
            vec![
                "tools".into(),
                number.into(),
                "function".into(),
                "strict".into(),
            ]
        }));
    }
    (!places.is_empty()).then(|| manner(can, ask).fields(&places))
}

/// llama.cpp has one model and answers with it whatever is asked for.
fn model(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    let is_known = can.kind == Kind::LlamaCpp || ask.model() == can.model;
    (!is_known).then(|| manner(can, ask).model(ask.model()))
}

fn tools(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    if can.tools == Tools::Refused && !ask.tools.is_empty() {
        return Some(manner(can, ask).tools());
    }
    ask.tools.iter().enumerate().find_map(|(number, tool)| {
        let problem = schema_problem(&can.schemas, &tool.parameters)?;
        Some(manner(can, ask).schema(number, &tool.name, problem))
    })
}

/// What a schema holds that these rules refuse.
fn schema_problem(rules: &Schemas, schema: &Value) -> Option<SchemaProblem> {
    let is_empty = schema.is_null() || schema.as_object().is_some_and(serde_json::Map::is_empty);
    if rules.refuses_empty && is_empty {
        return Some(SchemaProblem::Empty);
    }
    if rules.refuses_root_any_of && (schema.get("anyOf").or(schema.get("oneOf"))).is_some() {
        return Some(SchemaProblem::RootAnyOf);
    }
    inner_problem(rules, schema)
}

/// The same for a schema at any depth. Names of properties are no keywords.
fn inner_problem(rules: &Schemas, schema: &Value) -> Option<SchemaProblem> {
    let Value::Object(keywords) = schema else {
        let items = schema.as_array()?;
        return items.iter().find_map(|item| inner_problem(rules, item));
    };
    keywords.iter().find_map(|(keyword, value)| {
        let own = match (keyword.as_str(), value) {
            ("pattern", Value::String(pattern))
                if rules.refuses_open_patterns
                    && !(pattern.starts_with('^') && pattern.ends_with('$')) =>
            {
                Some(SchemaProblem::Pattern)
            }
            ("$ref", _) if rules.refuses_refs => Some(SchemaProblem::Ref),
            ("propertyNames", _) if rules.refuses_property_names => {
                Some(SchemaProblem::PropertyNames)
            }
            ("maxLength", length) => {
                let most = rules.refuses_max_length_from?;
                (length.as_u64()? >= most).then_some(SchemaProblem::MaxLength)
            }
            _ => None,
        };
        own.or_else(|| match keyword.as_str() {
            "properties" | "$defs" | "definitions" | "patternProperties" => {
                let mut named = value.as_object()?.values();
                named.find_map(|schema| inner_problem(rules, schema))
            }
            "enum" | "const" | "default" | "examples" | "required" => None,
            _ => inner_problem(rules, value),
        })
    })
}

fn contents(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    let parts = ask.turns.iter().find_map(|turn| turn.parts_at);
    if let Some(message) = parts.filter(|_| !can.content_parts) {
        return Some(manner(can, ask).content(message));
    }
    let has_image = ask.turns.iter().any(|turn| turn.has_image);
    (has_image && !can.images).then(|| manner(can, ask).image())
}

fn roles(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    let manner = manner(can, ask);
    let is_system = |turn: &Turn| matches!(turn.role, Role::System | Role::Developer);
    let developer = ask
        .turns
        .iter()
        .position(|turn| turn.role == Role::Developer);
    if let Some(message) = developer.filter(|_| !can.developer_role) {
        return Some(manner.developer_role(message));
    }
    match can.system {
        SystemRule::Refused if ask.turns.iter().any(is_system) => {
            return Some(manner.no_system_role());
        }
        SystemRule::AtStart if ask.turns.iter().skip(1).any(is_system) => {
            return Some(manner.system_not_first());
        }
        _ => {}
    }
    if can.needs_user_message && !ask.turns.iter().any(|turn| turn.role == Role::User) {
        return Some(manner.no_user());
    }
    if can.strict_alternation {
        let mut speakers = ask.turns.iter().filter(|turn| match turn.role {
            Role::User => true,
            Role::Assistant => turn.calls.is_empty(),
            _ => false,
        });
        let mut is_user_s = true;
        if !speakers.all(|turn| {
            let fits = (turn.role == Role::User) == is_user_s;
            is_user_s = !is_user_s;
            fits
        }) {
            return Some(manner.alternation());
        }
    }
    None
}

/// Ids of calls, and that each call has its result and each result its call.
fn pairs(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    let manner = manner(can, ask);
    let ids = ask
        .turns
        .iter()
        .flat_map(|turn| turn.calls.iter().chain(&turn.answers));
    let is_short = |id: &str| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if can.short_tool_ids
        && let Some(id) = ids.clone().find(|id| !is_short(id))
    {
        return Some(manner.tool_id(id));
    }
    let mut open: Vec<&str> = Vec::new();
    for turn in &ask.turns {
        match (&turn.answers, turn.role) {
            (Some(id), _) => match open.iter().position(|known| known == id) {
                Some(at) => {
                    open.remove(at);
                }
                None => return Some(manner.lone_result(id)),
            },
            (None, Role::User | Role::Assistant) => {
                if let Some(id) = open.first() {
                    return Some(manner.lone_call(id));
                }
                open.extend(turn.calls.iter().map(String::as_str));
            }
            _ => {}
        }
    }
    open.first().map(|id| manner.lone_call(id))
}

fn figures(can: &Capabilities, ask: &Ask) -> Option<Refusal> {
    let manner = manner(can, ask);
    let prompt = ask.prompt_tokens();
    if let Some(context) = can.context
        && prompt > context
    {
        return (can.overflow != Overflow::Silent).then(|| manner.context(prompt, context));
    }
    let (field, asked) = ask.limit?;
    // These two count the output asked for as if it were made already.
    let counts_ahead = matches!(can.kind, Kind::Vllm | Kind::Sglang);
    let room = can.context.filter(|_| counts_ahead).map(|all| all - prompt);
    let limit = [can.max_output, room].into_iter().flatten().min()?;
    (asked > limit).then(|| manner.output(field, asked, prompt, limit))
}
