//! Refusals of a body's form and of its fields.

use serde_json::{Value, json};

use super::{BAD, Manner, Reason, Refusal, Words};
use crate::capable::ask::Malformed;
use crate::capable::capabilities::{FieldWording, Kind};

impl Manner<'_> {
    pub(in crate::capable) fn malformed(&self, wrong: &Malformed) -> Refusal {
        let Malformed { field, reason } = wrong;
        let message = match self.kind() {
            Kind::LlamaCpp if *field == "messages" => {
                "Expected 'messages' to be an array".to_owned()
            }
            Kind::Vllm => {
                format!("1 validation error:\n  {{'loc': 'body.{field}', 'msg': '{reason}'}}")
            }
            _ => format!("{field}: {reason}"),
        };
        self.say(Reason::Malformed, BAD, &message)
    }

    /// `places` are the paths of the refused fields inside the body.
    pub(in crate::capable) fn fields(&self, places: &[Vec<Value>]) -> Refusal {
        let name = |place: &Vec<Value>| {
            let last = place.last().and_then(Value::as_str);
            last.unwrap_or_default().to_owned()
        };
        let first = places.first().map(name).unwrap_or_default();
        let report: Vec<Value> = places
            .iter()
            .map(|place| {
                let mut loc = vec![Value::from("body")];
                loc.extend(place.iter().cloned());
                json!({
                    "type": "extra_forbidden", "loc": loc,
                    "msg": "Extra inputs are not permitted", "input": "x",
                })
            })
            .collect();
        let reason = Reason::Fields(places.iter().map(name).collect());
        match self.can.field_wording {
            FieldWording::Pydantic => Refusal::new(
                reason,
                422,
                json!({
                    "object": "error", "message": {"detail": report},
                    "type": "invalid_request_error", "param": null, "code": null,
                }),
            ),
            FieldWording::FastApi => Refusal::new(reason, 422, json!({"detail": report})),
            FieldWording::OpenAi => {
                let hint = match first.as_str() {
                    "max_tokens" => " Use 'max_completion_tokens' instead.",
                    _ => "",
                };
                let message = format!(
                    "Unsupported parameter: '{first}' is not supported with this model.{hint}"
                );
                let words = Words {
                    param: Some(&first),
                    code: Some("unsupported_parameter"),
                    ..BAD
                };
                self.say(Reason::Fields(vec![first.clone()]), words, &message)
            }
            FieldWording::Unrecognized => {
                let message = format!("Unrecognized request argument supplied: {first}");
                self.say(Reason::Fields(vec![first]), BAD, &message)
            }
        }
    }
}
