//! A request in the form that a server was found to need.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::as_text::tools_as_text;
use super::{Repairs, schema};
use crate::hash::fnv1a;
use crate::message::{AssistantPart, Content, Message, Provenance, Thinking};
use crate::model::Model;
use crate::request::Request;

/// The request as it goes out to this model. It depends on nothing but its arguments, so each turn's form is the
/// beginning of the next one's.
pub(crate) fn wire_form<'a>(model: &Model, request: &'a Request) -> Cow<'a, Request> {
    let repairs = &model.repairs;
    let untouched = Repairs {
        dropped: repairs.dropped.clone(),
        plain_system_role: repairs.plain_system_role,
        plain_content: repairs.plain_content,
        api: repairs.api,
        ..Repairs::default()
    };
    if *repairs == untouched {
        return Cow::Borrowed(request);
    }
    let mut wire = request.clone();
    if repairs.tools_as_text {
        tools_as_text(&mut wire);
    }
    if repairs.simple_schemas {
        for tool in &mut wire.tools {
            tool.parameters = schema::simplify(&tool.parameters);
        }
    }
    if repairs.without_images {
        wire.messages.iter_mut().for_each(blind);
    }
    if repairs.without_sealed_reasoning {
        wire.messages.iter_mut().for_each(unseal);
    }
    if repairs.short_call_ids {
        shorten_ids(&mut wire.messages);
    }
    if repairs.system_in_user && !wire.system.is_empty() {
        let system = std::mem::take(&mut wire.system);
        let first = wire.messages.iter_mut().find_map(|message| match message {
            Message::User(user) => Some(user),
            _ => None,
        });
        match first {
            Some(user) => user
                .content
                .insert(0, Content::text(system, Provenance::Program)),
            None => wire.messages.insert(0, Message::user(system, 0)),
        }
    }
    // A template that knows of no tools is often one that wants its sides to alternate, and results are the user's.
    if repairs.strict_turns || repairs.tools_as_text {
        wire.messages = alternate(std::mem::take(&mut wire.messages));
    }
    if let Some(max) = repairs.max_tokens {
        wire.max_tokens = Some(wire.max_tokens.map_or(max, |asked| asked.min(max)));
    }
    Cow::Owned(wire)
}

/// The body without the fields that the server refuses, wherever the dialect put them.
pub(crate) fn without_dropped(repairs: &Repairs, body: &mut Value) {
    let Value::Object(fields) = body else { return };
    for field in &repairs.dropped {
        fields.remove(field);
    }
    if repairs.dropped.contains("strict")
        && let Some(Value::Array(tools)) = fields.get_mut("tools")
    {
        for tool in tools {
            if let Value::Object(tool) = tool {
                tool.remove("strict");
            }
        }
    }
}

fn blind(message: &mut Message) {
    let content = match message {
        Message::User(user) => &mut user.content,
        Message::ToolResult(result) => &mut result.content,
        Message::Assistant(_) => return,
    };
    for part in content {
        if let Content::Image(_) = part {
            *part = Content::unseen_image();
        }
    }
}

fn unseal(message: &mut Message) {
    if let Message::Assistant(assistant) = message {
        for part in &mut assistant.content {
            if let AssistantPart::Thinking(Thinking { signature, .. }) = part {
                *signature = None;
            }
        }
    }
}

/// Nine letters and digits made of each id, the same each time; ids that collide differ all the same.
fn shorten_ids(messages: &mut [Message]) {
    let mut short: HashMap<String, String> = HashMap::new();
    let mut taken: HashMap<String, String> = HashMap::new();
    let mut of = |id: &str| -> String {
        if let Some(known) = short.get(id) {
            return known.clone();
        }
        let mut hash = fnv1a(id.as_bytes());
        let mut name = base62(hash);
        while taken.get(&name).is_some_and(|owner| owner != id) {
            hash = hash.wrapping_add(1);
            name = base62(hash);
        }
        taken.insert(name.clone(), id.to_owned());
        short.insert(id.to_owned(), name.clone());
        name
    };
    for message in messages {
        match message {
            Message::Assistant(assistant) => {
                for part in &mut assistant.content {
                    if let AssistantPart::ToolCall(call) = part {
                        call.id = of(&call.id);
                    }
                }
            }
            Message::ToolResult(result) => result.tool_call_id = of(&result.tool_call_id),
            Message::User(_) => {}
        }
    }
}

fn base62(mut number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..9)
        .map(|_| {
            let digit = DIGITS[(number % 62) as usize];
            number /= 62;
            char::from(digit)
        })
        .collect()
}

/// Joins neighbours of one side. Tool results stay single: they answer their calls.
fn alternate(messages: Vec<Message>) -> Vec<Message> {
    let mut out: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        match (out.last_mut(), message) {
            (Some(Message::User(last)), Message::User(user)) => last.content.extend(user.content),
            (Some(Message::Assistant(last)), Message::Assistant(assistant))
                if last.tool_calls().next().is_none() =>
            {
                last.content.push(AssistantPart::Text {
                    text: "\n\n".to_owned(),
                });
                last.content.extend(assistant.content);
            }
            (_, message) => out.push(message),
        }
    }
    out
}
