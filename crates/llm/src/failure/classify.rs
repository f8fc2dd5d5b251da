//! One total function from what a server answered to the class of the failure.
//!
//! Structure and codes decide first, the HTTP status next, phrases last; a number inside a text never counts as a
//! status. A rate limit is tested before an overflow, since some servers send 413 for tokens per minute.

use std::time::Duration;

use serde_json::Value;

use super::envelope::{ErrorBody, Quota, error_in};
use super::figures::{duration, token_figures, waiting_time};
use super::{FailureClass, TokenFigures};

/// What a refusal says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) class: FailureClass,
    pub(crate) message: String,
    pub(crate) tokens: TokenFigures,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) params: Vec<String>,
}

impl Verdict {
    /// A verdict of our own on what a server sent.
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            tokens: TokenFigures::default(),
            retry_after: None,
            params: Vec::new(),
        }
    }
}

/// Classifies a refusal. `status` is the HTTP status (200 for an error inside a good reply), `retry_after` the value
/// of that header, `body` the whole body or the one SSE frame that held the error.
pub(crate) fn classify(status: u16, retry_after: Option<&str>, body: &str) -> Verdict {
    let parsed: Option<Value> = serde_json::from_str(body.trim()).ok();
    let mut error = parsed.as_ref().and_then(error_in).unwrap_or_default();
    if error.message.is_empty() {
        // Not an envelope we know: the text itself, unless it is a web page.
        let text = body.trim();
        if !text.starts_with('<') {
            error.message = text.to_owned();
        }
    }
    let mut tokens = token_figures(&error.message);
    tokens.prompt = error.prompt_tokens.or(tokens.prompt);
    tokens.limit = error.context_tokens.or(tokens.limit);
    let class = class_of(status, &error);
    let params = match class {
        FailureClass::ParamRejected if error.params.is_empty() => params_in(&error.message),
        FailureClass::ParamRejected => error.params,
        _ => Vec::new(),
    };
    let retry_after = retry_after
        .and_then(duration)
        .or_else(|| error.retry_delay.as_deref().and_then(duration))
        .or_else(|| waiting_time(&error.message));
    Verdict {
        class,
        message: error.message,
        tokens,
        retry_after,
        params,
    }
}

/// The server's own words for a kind of error: `type`, `code`, or the class name that LiteLLM puts before its text.
const CODES: &[(&str, FailureClass)] = &[
    ("insufficient_quota", FailureClass::Billing),
    ("billing_error", FailureClass::Billing),
    ("rate_limit_exceeded", FailureClass::RateLimit),
    ("rate_limit_error", FailureClass::RateLimit),
    ("resource_exhausted", FailureClass::RateLimit),
    ("overloaded_error", FailureClass::Overloaded),
    ("exceed_context_size_error", FailureClass::ContextOverflow),
    ("context_length_exceeded", FailureClass::ContextOverflow),
    ("request_too_large", FailureClass::ContextOverflow),
    ("authentication_error", FailureClass::Auth),
    ("permission_error", FailureClass::Auth),
    ("invalid_api_key", FailureClass::Auth),
    ("unauthenticated", FailureClass::Auth),
    ("permission_denied", FailureClass::Auth),
    ("model_not_found", FailureClass::ModelUnavailable),
    ("gatewaytimeout", FailureClass::Timeout),
    ("timeout_error", FailureClass::Timeout),
    ("extra_forbidden", FailureClass::ParamRejected),
    ("unsupported_parameter", FailureClass::ParamRejected),
    ("unknown_parameter", FailureClass::ParamRejected),
    ("unsupported_value", FailureClass::ParamRejected),
    ("invalid_function_call", FailureClass::HistoryRejected),
];

/// The exception classes that LiteLLM writes before an upstream's text.
const LITELLM: &[(&str, FailureClass)] = &[
    (
        "litellm.contextwindowexceedederror",
        FailureClass::ContextOverflow,
    ),
    ("litellm.ratelimiterror", FailureClass::RateLimit),
    ("litellm.authenticationerror", FailureClass::Auth),
    ("litellm.permissiondeniederror", FailureClass::Auth),
    ("litellm.budgetexceedederror", FailureClass::Billing),
    ("litellm.timeout", FailureClass::Timeout),
    ("litellm.serviceunavailableerror", FailureClass::Overloaded),
    ("litellm.notfounderror", FailureClass::ModelUnavailable),
];

/// Phrases, each a list of words that must all occur (lower case), in the order in which they are tried.
const PHRASES: &[(&[&str], FailureClass)] = &[
    (
        &["exceeded your current quota", "billing"],
        FailureClass::Billing,
    ),
    (&["insufficient credits"], FailureClass::Billing),
    (&["credit balance"], FailureClass::Billing),
    (&["payment required"], FailureClass::Billing),
    (&["rate limit"], FailureClass::RateLimit),
    (&["tokens per minute"], FailureClass::RateLimit),
    (&["too many requests"], FailureClass::RateLimit),
    (&["error loading model"], FailureClass::ModelUnavailable),
    (&["loading model"], FailureClass::ModelLoading),
    (&["model is loading"], FailureClass::ModelLoading),
    (&["currently loading"], FailureClass::ModelLoading),
    (&["unexpected endpoint"], FailureClass::WrongEndpoint),
    (&["no models loaded"], FailureClass::ModelUnavailable),
    (&["invalid model name"], FailureClass::ModelUnavailable),
    (&["model", "does not exist"], FailureClass::ModelUnavailable),
    (&["model", "not found"], FailureClass::ModelUnavailable),
    (&["not a valid model"], FailureClass::ModelUnavailable),
    (
        &["user location is not supported"],
        FailureClass::ModelUnavailable,
    ),
    (&["failed to load model"], FailureClass::ModelUnavailable),
    (
        &["requires more system memory"],
        FailureClass::ModelUnavailable,
    ),
    (&["does not support tools"], FailureClass::ToolsUnsupported),
    (&["tool choice requires"], FailureClass::ToolsUnsupported),
    (&["tools param requires"], FailureClass::ToolsUnsupported),
    (
        &["tool use is not supported"],
        FailureClass::ToolsUnsupported,
    ),
    (&["support tool use"], FailureClass::ToolsUnsupported),
    (
        &["not supported by xgrammar"],
        FailureClass::SchemaUnsupported,
    ),
    (&["grammar", "schema"], FailureClass::SchemaUnsupported),
    (
        &["invalid schema for function"],
        FailureClass::SchemaUnsupported,
    ),
    (
        &["failed to parse grammar"],
        FailureClass::SchemaUnsupported,
    ),
    (&["jinja"], FailureClass::TemplateRejected),
    (&["roles must alternate"], FailureClass::TemplateRejected),
    (&["error parsing tool call"], FailureClass::BadModelOutput),
    (&["tool call id"], FailureClass::HistoryRejected),
    (&["tool_use_id"], FailureClass::HistoryRejected),
    (&["tool_use", "tool_result"], FailureClass::HistoryRejected),
    (&["without its required"], FailureClass::HistoryRejected),
    (&["thought_signature"], FailureClass::HistoryRejected),
    (
        &["number of function response parts"],
        FailureClass::HistoryRejected,
    ),
    (
        &["function call turn comes immediately"],
        FailureClass::HistoryRejected,
    ),
    (&["max_tokens", "too large"], FailureClass::OutputBudget),
    (
        &["max_output_tokens", "too large"],
        FailureClass::OutputBudget,
    ),
    (
        &["max_tokens", "maximum allowed number of output tokens"],
        FailureClass::OutputBudget,
    ),
    (
        &["max_completion_tokens", "too large"],
        FailureClass::OutputBudget,
    ),
    (
        &["maximum context length", "in the output"],
        FailureClass::OutputBudget,
    ),
    (
        &["maximum context length", "tokens for the completion"],
        FailureClass::OutputBudget,
    ),
    (&["maximum context length"], FailureClass::ContextOverflow),
    (&["context length"], FailureClass::ContextOverflow),
    (&["context size"], FailureClass::ContextOverflow),
    (&["context window"], FailureClass::ContextOverflow),
    (&["prompt is too long"], FailureClass::ContextOverflow),
    (&["prompt too long"], FailureClass::ContextOverflow),
    (&["maximum prompt length"], FailureClass::ContextOverflow),
    (
        &["exceeded model token limit"],
        FailureClass::ContextOverflow,
    ),
    (
        &["exceeds the maximum number of tokens"],
        FailureClass::ContextOverflow,
    ),
    (
        &["request exceeds the maximum size"],
        FailureClass::ContextOverflow,
    ),
    (
        &["unknown name", "function_declarations"],
        FailureClass::SchemaUnsupported,
    ),
    (
        &["invalid json payload", "unknown name"],
        FailureClass::ParamRejected,
    ),
    (&["does not support thinking"], FailureClass::ParamRejected),
    (&["must be a string or null"], FailureClass::ParamRejected),
    (
        &["extra inputs are not permitted"],
        FailureClass::ParamRejected,
    ),
    (&["unsupported parameter"], FailureClass::ParamRejected),
    (&["unknown parameter"], FailureClass::ParamRejected),
    (
        &["unrecognized request argument"],
        FailureClass::ParamRejected,
    ),
    (&["server busy"], FailureClass::Overloaded),
    (&["overloaded"], FailureClass::Overloaded),
    (&["incorrect api key"], FailureClass::Auth),
    (&["invalid api key"], FailureClass::Auth),
    (&["api key not valid"], FailureClass::Auth),
    (&["api key expired"], FailureClass::Auth),
    (&["no api key"], FailureClass::Auth),
    (&["timed out"], FailureClass::Timeout),
    (&["timeouterror"], FailureClass::Timeout),
    (
        &["had an error while processing"],
        FailureClass::ServerError,
    ),
];

fn class_of(status: u16, error: &ErrorBody) -> FailureClass {
    let text = error.message.to_lowercase();
    let (kind, code) = (
        error.kind.to_ascii_lowercase(),
        error.code.to_ascii_lowercase(),
    );
    // A code inside a good (or vaguely bad) HTTP reply is the truer status.
    let status = match error.status {
        Some(inner) if status <= 400 => inner,
        _ => status,
    };

    let coded = CODES
        .iter()
        .find(|(word, _)| kind == *word || code == *word)
        .or_else(|| LITELLM.iter().find(|(word, _)| text.contains(word)))
        .map(|(_, class)| *class);
    let phrased = || {
        PHRASES
            .iter()
            .find(|(words, _)| words.iter().all(|word| text.contains(word)))
            .map(|(_, class)| *class)
    };
    match (status, coded) {
        (402, _) => return FailureClass::Billing,
        // A server that says "rate limit" about an empty account means the account. Google speaks of the plan and its
        // billing whatever the quota; which one it is stands in the details.
        (_, Some(FailureClass::RateLimit)) | (429, None) => {
            return match (error.quota, phrased()) {
                (Some(Quota::Minute), _) => FailureClass::RateLimit,
                (Some(Quota::Day), _) | (None, Some(FailureClass::Billing)) => {
                    FailureClass::Billing
                }
                _ => FailureClass::RateLimit,
            };
        }
        (_, Some(class)) => return class,
        _ => {}
    }
    if error.params.iter().any(|param| param.starts_with("tools"))
        && (400..500).contains(&status)
        && !matches!(status, 401 | 403 | 404)
    {
        return FailureClass::SchemaUnsupported;
    }
    match status {
        401 | 403 => FailureClass::Auth,
        408 | 504 => FailureClass::Timeout,
        529 => FailureClass::Overloaded,
        404 | 405 => match phrased() {
            Some(class @ (FailureClass::ModelLoading | FailureClass::ToolsUnsupported)) => class,
            Some(FailureClass::ModelUnavailable) => FailureClass::ModelUnavailable,
            _ if text.contains("model") => FailureClass::ModelUnavailable,
            _ => FailureClass::WrongEndpoint,
        },
        413 => FailureClass::ContextOverflow,
        503 => phrased().unwrap_or(FailureClass::Overloaded),
        400..500 => phrased().unwrap_or(match status {
            422 if !error.params.is_empty() => FailureClass::ParamRejected,
            _ => FailureClass::BadRequest,
        }),
        // 5xx, and errors inside a 200.
        _ => phrased().unwrap_or(FailureClass::ServerError),
    }
}

/// The request fields that a refusal names in its text: `messages[1].content must be …`, `Unsupported parameter: 'x'`,
/// `Unrecognized request arguments supplied: x, y`.
fn params_in(message: &str) -> Vec<String> {
    if message.contains("must be a string or null") {
        return vec!["messages[].content".to_owned()];
    }
    // Ollama quotes the model here, not the field.
    if message.contains("does not support thinking") {
        return vec!["think".to_owned()];
    }
    if let Some((_, fields)) = message.split_once(" supplied: ") {
        let fields = fields.split([',', ' ']).filter(|field| !field.is_empty());
        return fields.map(str::to_owned).collect();
    }
    let quoted = || {
        let start = message.find(['\'', '"', '`'])? + 1;
        let quote = message[..start].chars().next_back()?;
        let end = message[start..].find(quote)? + start;
        Some(message[start..end].to_owned())
    };
    quoted().into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Error bodies as real servers send them, one JSON object a line: the file that `MOLTBOT_WIRE_ERRORS` names, else
    /// the one kept beside the checkout; `None` where neither is there to be read.
    fn table() -> Option<Vec<Value>> {
        let named = std::env::var("MOLTBOT_WIRE_ERRORS").ok();
        let kept = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/wire/errors.jsonl"
        );
        let path = named.clone().unwrap_or_else(|| kept.to_owned());
        let text = match std::fs::read_to_string(&path) {
            Err(_) if named.is_none() => return None,
            text => text.unwrap_or_else(|e| panic!("the error table {path} cannot be read: {e}")),
        };
        let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
        Some(rows.collect())
    }

    /// The error of a stream arrives in one SSE frame.
    fn frame(row: &Value) -> String {
        let body = row["body"].as_str().unwrap();
        if row["stream"] != true {
            return body.to_owned();
        }
        body.lines()
            .find_map(|line| line.strip_prefix("data: "))
            .unwrap()
            .to_owned()
    }

    #[test]
    fn every_known_error_body_is_read_as_what_it_means() {
        let Some(rows) = table() else { return };
        assert!(rows.len() > 20, "the table is nearly empty");
        let mut wrong = Vec::new();
        for row in &rows {
            let status = row["status"].as_u64().unwrap() as u16;
            let verdict = classify(status, None, &frame(row));
            let mut check = |what: &str, want: Option<&Value>, got: Value| {
                if let Some(want) = want
                    && *want != got
                {
                    wrong.push(format!("{}: {what} is {got}, should be {want}", row["id"]));
                }
            };
            check("class", row.get("expect"), verdict.class.as_str().into());
            check(
                "prompt",
                row.get("prompt_tokens"),
                verdict.tokens.prompt.into(),
            );
            check(
                "limit",
                row.get("limit_tokens"),
                verdict.tokens.limit.into(),
            );
            check(
                "retry_after",
                row.get("retry_after_s"),
                verdict.retry_after.map(|d| d.as_secs()).into(),
            );
            check(
                "param",
                row.get("param"),
                verdict.params.first().cloned().into(),
            );
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Google's refusal for a quota: the text is the same whichever it is.
    fn out_of_quota(id: &str) -> String {
        let message = "You exceeded your current quota, please check your plan and billing details. \
            For more information, head to: https://ai.google.dev/gemini-api/docs/rate-limits. \n\
            * Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, \
            limit: 20\nPlease retry in 14.925851614s.";
        serde_json::json!([{"error": {
            "code": 429, "message": message, "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "14s"},
            ],
        }}])
        .to_string()
    }

    #[test]
    fn google_s_quota_of_a_minute_passes_and_that_of_a_day_does_not() {
        let minute = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
        let verdict = classify(429, None, &out_of_quota(minute));
        assert_eq!(verdict.class, FailureClass::RateLimit);
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(14)));
        let day = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
        let verdict = classify(429, None, &out_of_quota(day));
        assert_eq!(verdict.class, FailureClass::Billing);
        // Without details the text decides, as ever.
        let verdict = classify(429, None, &out_of_quota(""));
        assert_eq!(verdict.class, FailureClass::Billing);
    }

    #[test]
    fn what_google_and_ollama_refuse_is_told_apart() {
        use FailureClass as C;
        let google = |code: u16, status: &str, message: &str| {
            let error = serde_json::json!({"code": code, "message": message, "status": status});
            classify(
                code,
                None,
                &serde_json::json!({ "error": error }).to_string(),
            )
        };
        for (code, status, message, class) in [
            (
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                C::Auth,
            ),
            (
                403,
                "PERMISSION_DENIED",
                "Method doesn't allow unregistered callers.",
                C::Auth,
            ),
            (
                400,
                "FAILED_PRECONDITION",
                "User location is not supported for the API use.",
                C::ModelUnavailable,
            ),
            (
                404,
                "NOT_FOUND",
                "models/x is not found for API version v1beta, or is not supported for generateContent.",
                C::ModelUnavailable,
            ),
            (
                400,
                "INVALID_ARGUMENT",
                "Function call is missing a thought_signature in functionCall parts.",
                C::HistoryRejected,
            ),
            (
                400,
                "INVALID_ARGUMENT",
                "Please ensure that function call turn comes immediately after a user turn or after a function \
                 response turn.",
                C::HistoryRejected,
            ),
            (
                400,
                "INVALID_ARGUMENT",
                "Please ensure that the number of function response parts is equal to the number of function call \
                 parts of the function call turn.",
                C::HistoryRejected,
            ),
            (
                503,
                "UNAVAILABLE",
                "The model is overloaded. Please try again later.",
                C::Overloaded,
            ),
            (
                500,
                "INTERNAL",
                "An internal error has occurred.",
                C::ServerError,
            ),
            (
                504,
                "DEADLINE_EXCEEDED",
                "The request timed out.",
                C::Timeout,
            ),
        ] {
            assert_eq!(google(code, status, message).class, class, "{message}");
        }
        let overflow = google(
            400,
            "INVALID_ARGUMENT",
            "The input token count exceeds the maximum number of tokens allowed 1048576.",
        );
        assert_eq!(overflow.class, C::ContextOverflow);
        assert_eq!(overflow.tokens.limit, Some(1_048_576));
        let unknown = google(
            400,
            "INVALID_ARGUMENT",
            "Invalid JSON payload received. Unknown name \"thinkingLevel\" at 'generation_config': Cannot find field.",
        );
        assert_eq!(unknown.class, C::ParamRejected);
        assert_eq!(unknown.params, ["thinkingLevel"]);
        let thinking = classify(
            400,
            None,
            r#"{"error":"\"llama3\" does not support thinking"}"#,
        );
        assert_eq!(thinking.class, C::ParamRejected);
        assert_eq!(thinking.params, ["think"]);
        let cut = r#"{"error":"the input length exceeds the context length"}"#;
        assert_eq!(classify(400, None, cut).class, C::ContextOverflow);
    }

    #[test]
    fn a_number_in_the_text_is_not_a_status() {
        let verdict = classify(400, None, r#"{"error":"the image is 429 pixels wide"}"#);
        assert_eq!(verdict.class, FailureClass::BadRequest);
        let verdict = classify(500, None, r#"{"error":"worker 401 exited"}"#);
        assert_eq!(verdict.class, FailureClass::ServerError);
    }

    #[test]
    fn the_retry_after_header_wins_over_the_text() {
        let body =
            r#"{"error":{"message":"Please try again in 20s.","code":"rate_limit_exceeded"}}"#;
        let verdict = classify(429, Some("3"), body);
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(3)));
    }

    proptest::proptest! {
        #[test]
        fn classification_is_total(status in 0u16..1000, body in ".{0,300}") {
            classify(status, Some(&body), &body);
        }

        #[test]
        fn classification_of_any_json_is_total(status in 400u16..600, message in ".{0,80}", code in "[a-z_0-9]{0,20}") {
            let body = serde_json::json!({"error": {"message": message, "code": code, "param": code}});
            classify(status, None, &body.to_string());
        }
    }
}
