//! From document to rules.

use std::path::Path;

use super::document::{AnswerText, Body, Document, Edit, Item, Rule, Timing, UsageText};
use super::error::ScriptError;
use super::{Responder, Script, When};
use crate::answer::{Answer, Dialect};
use crate::capture;
use crate::reply::{Reply, Step, models_list};
use crate::request::Recorded;

/// The rules of a document. Recorded replies are looked for in `directory`.
pub(super) fn script(document: Document, directory: &Path) -> Result<Script, ScriptError> {
    let mut script = Script::new();
    for rule in document.rules {
        let responder = responder(&rule, directory)?;
        script = script.on(when(rule), responder);
    }
    Ok(script)
}

fn when(rule: Rule) -> When {
    let mut when = When {
        method: rule.method,
        path: rule.path,
        api_key: rule.key,
        nth: rule.nth,
        times: rule.times,
        ..When::default()
    };
    if !rule.conditions.is_empty() {
        let conditions = rule.conditions;
        when = when.body(move |body| conditions.iter().all(|condition| condition.holds(body)));
    }
    when
}

/// Where a reply's bytes come from: most are the same for every request.
enum Source {
    Fixed(Reply),
    Answer(AnswerText),
}

fn responder(rule: &Rule, directory: &Path) -> Result<Responder, ScriptError> {
    let source = match &rule.body {
        Body::Nothing => Source::Fixed(Reply::whole(200, "text/plain; charset=utf-8", "")),
        Body::Json(value) => Source::Fixed(Reply::json(200, value)),
        Body::Text(text) => Source::Fixed(Reply::whole(
            200,
            "text/plain; charset=utf-8",
            text.as_str(),
        )),
        Body::Models(ids) => {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            Source::Fixed(models_list(&ids))
        }
        Body::Stream(items) => {
            let steps = items.iter().map(item);
            Source::Fixed(steps.fold(Reply::stream(), Reply::step))
        }
        Body::Answer(answer) => Source::Answer(answer.clone()),
        Body::Fixture(path) => {
            let capture =
                capture::load(directory.join(path)).map_err(|source| ScriptError::Fixture {
                    line: rule.line.0,
                    source,
                })?;
            Source::Fixed(capture.reply())
        }
    };
    let (status, headers, edits) = (rule.status, rule.headers.clone(), rule.edits.clone());
    Ok(Responder::new(move |request| {
        let mut reply = match &source {
            Source::Fixed(reply) => reply.clone(),
            Source::Answer(text) => answer(text, request).reply_to(request),
        };
        if let Some(status) = status {
            reply = reply.status(status);
        }
        for (name, value) in &headers {
            reply = reply.header(name, value);
        }
        edits.iter().fold(reply, edited)
    }))
}

fn item(item: &Item) -> Step {
    let bytes = match item {
        Item::Data(data) => format!("data: {data}\n\n"),
        Item::Event { name, data } => format!("event: {name}\ndata: {data}\n\n"),
        Item::Comment(text) => format!(": {text}\n\n"),
        Item::Bytes(text) => text.clone(),
        Item::Timing(timing) => return step(timing),
    };
    Step::Bytes(bytes.into_bytes())
}

fn step(timing: &Timing) -> Step {
    match timing {
        Timing::Pause(gate) => Step::pause(gate),
        Timing::Release(gate) => Step::release(gate),
        Timing::Cut => Step::Cut,
        Timing::Reset => Step::Reset,
        Timing::Hang => Step::Hang,
    }
}

fn edited(reply: Reply, edit: &Edit) -> Reply {
    match edit {
        Edit::Before(timing) => reply.before_head(step(timing)),
        Edit::AfterFrames(count, timing) => reply.after_frames(*count, step(timing)),
        Edit::AfterBytes(count, timing) => reply.after_bytes(*count, step(timing)),
        Edit::AtEnd(timing) => reply.step(step(timing)),
        Edit::Drip(size) => reply.in_pieces_of(*size),
        Edit::UntilClose => reply.until_close(),
        Edit::Chunked => reply.chunked(),
        Edit::Length(length) => reply.announced_length(*length),
    }
}

fn answer(text: &AnswerText, request: &Recorded) -> Answer {
    let dialect = text
        .dialect
        .unwrap_or_else(|| Dialect::of_path(&request.path));
    let mut answer = Answer::of_blocks(dialect, text.parts.clone());
    if let Some(id) = &text.id {
        answer = answer.id(id);
    }
    if let Some(model) = &text.model {
        answer = answer.model(model);
    }
    if let Some(finish) = text.finish {
        answer = answer.finish(finish);
    }
    if let Some(field) = text.reasoning_field {
        answer = answer.reasoning_field(field);
    }
    match text.usage {
        UsageText::Counted => answer,
        UsageText::Absent => answer.without_usage(),
        UsageText::Given(usage) => answer.usage(usage),
    }
}
