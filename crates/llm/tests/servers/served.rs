//! A model of a real server, spoken to in one dialect.

use std::path::PathBuf;

use moltbot_llm::{Api, Endpoint, Model, ModelRef, Request, encode};

use crate::fixture::{self, Outcome};
use crate::wire;

/// Names a folder in which every reply is kept as it came, beside its request; for making fixtures of them.
const RECORD_VARIABLE: &str = "MOLTBOT_RECORD_CAPTURES";

/// Every dialect that these servers speak.
pub(crate) const APIS: [Api; 3] = [
    Api::OpenAiCompletions,
    Api::OpenAiResponses,
    Api::AnthropicMessages,
];

/// A model of a real server, in one dialect.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    /// Its id there.
    pub(crate) model: String,
    /// The dialect.
    pub(crate) api: Api,
    /// What captures of it are called: server, version and model.
    pub(crate) label: String,
}

impl Served {
    /// As an owner configures it who names nothing but address, dialect and id.
    pub(crate) fn model(&self) -> Model {
        let base = format!("{}/v1", self.origin);
        Model {
            reference: ModelRef::new("box", &self.model),
            ..fixture::model_at(&base, self.api)
        }
    }

    /// Asks it, as [`moltbot_llm::HttpBackend`] does. `case` is what a capture of the reply is called.
    pub(crate) async fn ask(&self, case: &str, request: &Request) -> Outcome {
        self.ask_as(&self.model(), case, request).await
    }

    /// The same for a model of other properties.
    pub(crate) async fn ask_as(&self, model: &Model, case: &str, request: &Request) -> Outcome {
        if let Some(directory) = std::env::var_os(RECORD_VARIABLE) {
            self.record(PathBuf::from(directory), model, case, request)
                .await;
        }
        fixture::ask(model, request).await
    }

    async fn record(&self, directory: PathBuf, model: &Model, case: &str, request: &Request) {
        let body = encode(model, request);
        let url = Endpoint::new(model).reply_url(&model.reference.model);
        let path = url.strip_prefix(&self.origin).unwrap();
        let reply = wire::post(&self.origin, path, &body).await;
        let dialect = match self.api {
            Api::OpenAiResponses => "responses",
            Api::AnthropicMessages => "messages",
            _ => "chat",
        };
        let name = format!("{}_{dialect}_{case}", self.label);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.http")), reply).unwrap();
        std::fs::write(directory.join(format!("{name}.req.json")), body).unwrap();
    }
}
