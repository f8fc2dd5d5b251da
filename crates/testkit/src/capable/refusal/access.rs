//! Refusals at the door: the address, the key, the model, and servers that cannot answer now.

use serde_json::json;

use super::{BAD, Manner, Reason, Refusal, Words};
use crate::capable::capabilities::{Kind, UnknownPath};

impl Manner<'_> {
    pub(in crate::capable) fn path(&self, method: &str, path: &str) -> Refusal {
        let unexpected =
            json!({"error": format!("Unexpected endpoint or method. ({method} {path})")});
        match (self.can.unknown_path, self.kind()) {
            (UnknownPath::OkWithError, _) | (UnknownPath::OfKind, Kind::LmStudio) => {
                Refusal::new(Reason::Path, 200, unexpected)
            }
            (UnknownPath::MethodNotAllowed, _) => {
                Refusal::new(Reason::Path, 405, json!({"detail": "Method Not Allowed"}))
            }
            (_, Kind::LlamaCpp) => {
                let words = Words {
                    status: 404,
                    kind: "not_found_error",
                    ..BAD
                };
                self.say(Reason::Path, words, "File Not Found")
            }
            (_, Kind::Ollama | Kind::LmStudio) => {
                Refusal::new(Reason::Path, 404, "404 page not found")
            }
            (_, Kind::Generic) => {
                let message = format!("Invalid URL ({method} {path})");
                let words = Words { status: 404, ..BAD };
                self.say(Reason::Path, words, &message)
            }
            _ => Refusal::new(Reason::Path, 404, json!({"detail": "Not Found"})),
        }
    }

    pub(in crate::capable) fn key(&self) -> Refusal {
        if self.is_anthropic() {
            let words = Words {
                status: 401,
                kind: "authentication_error",
                ..BAD
            };
            return self.say(Reason::Key, words, "invalid x-api-key");
        }
        let words = Words {
            status: 401,
            code: Some("invalid_api_key"),
            ..BAD
        };
        let message = "Incorrect API key provided: sk-x. You can find your API key at https://platform.openai.com/account/api-keys.";
        match self.kind() {
            Kind::LlamaCpp => {
                let words = Words {
                    kind: "authentication_error",
                    ..words
                };
                self.say(Reason::Key, words, "Invalid API Key")
            }
            _ => self.say(Reason::Key, words, message),
        }
    }

    pub(in crate::capable) fn loading(&self) -> Refusal {
        let words = Words {
            status: 503,
            kind: "unavailable_error",
            ..BAD
        };
        self.say(Reason::Loading, words, "Loading model")
    }

    pub(in crate::capable) fn busy(&self, reason: Reason, status: u16) -> Refusal {
        match status {
            429 => {
                let words = Words {
                    status,
                    kind: if self.is_anthropic() {
                        "rate_limit_error"
                    } else {
                        "requests"
                    },
                    code: Some("rate_limit_exceeded"),
                    ..BAD
                };
                let message =
                    "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1.";
                self.say(reason, words, message)
            }
            _ if self.kind() == Kind::Ollama => {
                let message = "server busy, please try again.  maximum pending requests exceeded";
                Refusal::new(reason, status, json!({"error": message}))
            }
            _ => {
                let words = Words {
                    status,
                    kind: if self.is_anthropic() {
                        "overloaded_error"
                    } else {
                        "server_error"
                    },
                    ..BAD
                };
                self.say(reason, words, "Overloaded")
            }
        }
    }

    pub(in crate::capable) fn model(&self, asked: &str) -> Refusal {
        let missing = Words {
            status: 404,
            param: Some("model"),
            ..BAD
        };
        match self.kind() {
            _ if self.is_anthropic() => {
                let words = Words {
                    kind: "not_found_error",
                    ..missing
                };
                self.say(Reason::Model, words, &format!("model: {asked}"))
            }
            Kind::LiteLlm => {
                let message = format!(
                    "/chat/completions: Invalid model name passed in model={asked}. Call `/v1/models` to view available models for your key."
                );
                let body = json!({"error": {
                    "message": message, "type": "invalid_request_error", "param": null, "code": "400",
                }});
                Refusal::new(Reason::Model, 400, body)
            }
            Kind::Ollama => self.say(
                Reason::Model,
                missing,
                &format!("model '{asked}' not found"),
            ),
            Kind::Generic => {
                let words = Words {
                    param: None,
                    code: Some("model_not_found"),
                    ..missing
                };
                let message =
                    format!("The model `{asked}` does not exist or you do not have access to it.");
                self.say(Reason::Model, words, &message)
            }
            _ => self.say(
                Reason::Model,
                missing,
                &format!("The model `{asked}` does not exist."),
            ),
        }
    }
}
