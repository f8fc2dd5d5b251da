//! Reading the error bodies of model servers: every envelope they use, into one form.

use serde_json::Value;

/// What an error body says, whatever its envelope.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ErrorBody {
    /// The text, with a proxied server's own text where one is nested inside.
    pub(crate) message: String,
    /// `type` or `status`: the server's word for the kind of error.
    pub(crate) kind: String,
    /// `code` as text, where it is a word.
    pub(crate) code: String,
    /// `code` as a number, where it is an HTTP status (as an int or as digits).
    pub(crate) status: Option<u16>,
    /// The request field named.
    pub(crate) params: Vec<String>,
    /// `n_prompt_tokens` (llama.cpp).
    pub(crate) prompt_tokens: Option<u64>,
    /// `n_ctx` (llama.cpp).
    pub(crate) context_tokens: Option<u64>,
    /// How long to wait, in the words of the body (Google's `retryDelay`).
    pub(crate) retry_delay: Option<String>,
    /// Which quota is used up, where the body says so (Google's `quotaId`).
    pub(crate) quota: Option<Quota>,
}

/// How long a quota lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quota {
    /// It is there again within a minute.
    Minute,
    /// It is used up for today.
    Day,
}

/// Finds the error in a JSON value; `None` when the value is not an error.
///
/// Accepts `{"error":"text"}`, `{"error":{…}}`, `{"object":"error",…}`, `{"type":"error","error":{…}}`,
/// `{"detail":"…"|[{loc,msg}]}`, `{"error parsing tool call":"…"}`, `{"code":…,"message":…}` and arrays of one such.
pub(crate) fn error_in(value: &Value) -> Option<ErrorBody> {
    let object = match value {
        Value::Object(object) => object,
        Value::Array(items) if items.len() == 1 => return error_in(&items[0]),
        _ => return None,
    };
    let mut body = ErrorBody::default();
    match object.get("error") {
        Some(Value::Object(inner)) => {
            read_fields(&Value::Object(inner.clone()), &mut body);
            if let Some(raw) = inner.get("metadata").and_then(|m| m.get("raw")) {
                read_nested(raw, &mut body);
            }
        }
        Some(Value::String(text)) => {
            read_fields(value, &mut body);
            body.message = text.clone();
        }
        Some(Value::Null) | None => {
            if object.get("object").and_then(Value::as_str) == Some("error") {
                read_fields(value, &mut body);
            } else if let Some(detail) = object.get("detail") {
                read_detail(detail, &mut body);
            } else if let Some((key, text)) = object
                .iter()
                .find(|(key, text)| key.starts_with("error ") && text.is_string())
            {
                body.message = format!("{key}: {}", text.as_str().unwrap_or_default());
            } else if object.contains_key("code")
                && object.contains_key("message")
                && !object.contains_key("choices")
            {
                read_fields(value, &mut body);
            } else {
                return None;
            }
        }
        Some(_) => return None,
    }
    Some(body)
}

fn read_fields(value: &Value, body: &mut ErrorBody) {
    match value.get("message") {
        Some(Value::String(text)) => body.message = text.clone(),
        // Mistral puts the validation report where the text belongs.
        Some(nested @ Value::Object(_)) => match nested.get("detail") {
            Some(detail) => read_detail(detail, body),
            None => body.message = nested.to_string(),
        },
        Some(nested @ Value::Array(_)) => read_detail(nested, body),
        _ => {}
    }
    for key in ["type", "status"] {
        if body.kind.is_empty()
            && let Some(Value::String(kind)) = value.get(key)
        {
            body.kind = kind.clone();
        }
    }
    match value.get("code") {
        Some(Value::Number(n)) => body.status = n.as_u64().and_then(as_status),
        Some(Value::String(code)) => match code.parse().ok().and_then(as_status) {
            Some(status) => body.status = Some(status),
            None => body.code = code.clone(),
        },
        _ => {}
    }
    if let Some(Value::String(param)) = value.get("param") {
        body.params = vec![param.clone()];
    }
    body.prompt_tokens = value.get("n_prompt_tokens").and_then(Value::as_u64);
    body.context_tokens = value.get("n_ctx").and_then(Value::as_u64);
    if let Some(Value::Array(details)) = value.get("details") {
        body.retry_delay = details
            .iter()
            .find_map(|d| d.get("retryDelay")?.as_str())
            .map(str::to_owned);
        body.quota = quota(details);
    }
}

/// The longest-lasting quota named: a free tier that is closed altogether names all of them.
fn quota(details: &[Value]) -> Option<Quota> {
    let violations = details
        .iter()
        .filter_map(|d| d.get("violations")?.as_array());
    let ids: Vec<&str> = violations
        .flatten()
        .filter_map(|violation| violation.get("quotaId")?.as_str())
        .collect();
    let names = |word: &str| ids.iter().any(|id| id.contains(word));
    if names("PerDay") {
        Some(Quota::Day)
    } else if names("PerMinute") {
        Some(Quota::Minute)
    } else {
        None
    }
}

/// A validation report in FastAPI's form: `"text"` or `[{loc, msg, type}]`.
fn read_detail(detail: &Value, body: &mut ErrorBody) {
    match detail {
        Value::String(text) => body.message = text.clone(),
        Value::Array(items) => {
            let mut texts = Vec::new();
            for item in items {
                let place: Vec<String> = item
                    .get("loc")
                    .and_then(Value::as_array)
                    .map(|loc| {
                        loc.iter()
                            .map(|step| match step {
                                Value::String(s) => s.clone(),
                                other => other.to_string(),
                            })
                            .filter(|step| step != "body")
                            .collect()
                    })
                    .unwrap_or_default();
                let text = item.get("msg").and_then(Value::as_str).unwrap_or_default();
                let place = place.join(".");
                if body.kind.is_empty()
                    && let Some(kind) = item.get("type").and_then(Value::as_str)
                {
                    body.kind = kind.to_owned();
                }
                if !place.is_empty() {
                    body.params.push(place.clone());
                }
                texts.push(format!("{place}: {text}"));
            }
            body.message = texts.join("; ");
        }
        Value::Object(_) => read_fields(detail, body),
        _ => {}
    }
}

/// A proxied server's error, kept by the proxy as a JSON string (OpenRouter) or value.
fn read_nested(raw: &Value, body: &mut ErrorBody) {
    let nested = match raw {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) => {
                if !text.trim().is_empty() {
                    body.message = format!("{}: {text}", body.message);
                }
                return;
            }
        },
        other => other.clone(),
    };
    if let Some(inner) = error_in(&nested) {
        body.message = format!("{}: {}", body.message, inner.message);
        if !inner.kind.is_empty() {
            body.kind = inner.kind;
        }
        if !inner.code.is_empty() {
            body.code = inner.code;
        }
        if !inner.params.is_empty() {
            body.params = inner.params;
        }
        body.prompt_tokens = inner.prompt_tokens.or(body.prompt_tokens);
        body.context_tokens = inner.context_tokens.or(body.context_tokens);
    }
}

fn as_status(code: u64) -> Option<u16> {
    u16::try_from(code)
        .ok()
        .filter(|code| (400..600).contains(code))
}
