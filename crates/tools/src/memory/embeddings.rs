//! Who computes the vectors of notes, by the configuration.
//!
//! A model on this machine is made ready by the caller, who knows whether there is an engine. Notes go to a server only where the owner named it: by `remote.baseUrl`, or by `provider: "openai"`. That a key for
//! a vendor happens to exist names nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use moltbot_config::Config;
use moltbot_config::schema::{EmbeddingProvider, MemorySearch};
use moltbot_llm::{Credentials, Embedder, EmbeddingServer, Places};

/// Who computes the vectors of an agent's notes.
#[derive(Clone)]
pub enum Embeddings {
    /// Nobody: notes are found by their words.
    Nobody,
    /// Nobody, though the configuration asks for it; the sentence says why.
    Unusable(String),
    /// This one.
    By(Arc<dyn Embedder>),
}

/// Makes ready the model on this machine that `memorySearch.local.modelPath` names, where it names one; or says in one
/// sentence why it cannot.
pub type LocalModel<'a> = &'a dyn Fn(Option<&str>) -> Result<Arc<dyn Embedder>, String>;

impl Embeddings {
    /// As the configuration says. `places` are where the agent's conversations may go.
    pub fn from_config(
        memory: &MemorySearch,
        config: &Config,
        credentials: &Credentials,
        places: &Places,
        local: LocalModel<'_>,
    ) -> Self {
        let remote = memory.remote.clone().unwrap_or_default();
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let own_server = given(remote.base_url);
        let local_model = memory
            .local
            .as_ref()
            .and_then(|local| given(local.model_path.clone()));
        match memory.provider.unwrap_or(EmbeddingProvider::Auto) {
            EmbeddingProvider::Gemini => return unusable("provider \"gemini\""),
            EmbeddingProvider::Local => return Self::within(local(local_model.as_deref()), places),
            EmbeddingProvider::Auto => match (local_model, &own_server) {
                (None, None) => return Self::Nobody,
                (None, Some(_)) => {}
                (Some(model), server) => match local(Some(&model)) {
                    // The next in line is the server, where there is one.
                    Err(reason) if server.is_some() => {
                        tracing::warn!(reason, "the server for embeddings is asked instead");
                    }
                    made => return Self::within(made, places),
                },
            },
            EmbeddingProvider::Openai => {}
        }
        let own_key = given(remote.api_key);
        let (base_url, key) = match own_server {
            // The key of another server is none of its business.
            Some(base_url) => (base_url, own_key),
            None => {
                let key = own_key.or_else(|| {
                    let credential = credentials.find("openai")?;
                    Some(credential.secret().to_owned())
                });
                let base_url = openai(config);
                if key.is_none() && base_url == EmbeddingServer::OPENAI {
                    return Self::Unusable(
                        "There is no API key for OpenAI's embeddings: set memorySearch.remote.apiKey, or \
                         memorySearch.remote.baseUrl for another server."
                            .to_owned(),
                    );
                }
                (base_url, key)
            }
        };
        let model = given(memory.model.clone());
        let model = model.as_deref().unwrap_or(EmbeddingServer::DEFAULT_MODEL);
        let headers: BTreeMap<String, String> = remote.headers.unwrap_or_default();
        let server = EmbeddingServer::new(&base_url, model, key.as_deref(), &headers);
        let server = server.map(|server| -> Arc<dyn Embedder> { Arc::new(server) });
        Self::within(server.map_err(|error| error.to_string()), places)
    }

    fn within(made: Result<Arc<dyn Embedder>, String>, places: &Places) -> Self {
        match made {
            Err(reason) => Self::Unusable(reason),
            Ok(embedder) if !embedder.is_within(places) => Self::Unusable(format!(
                "The agent's notes may go to {places} only, and the embeddings server is elsewhere."
            )),
            Ok(embedder) => Self::By(embedder),
        }
    }
}

fn unusable(what: &str) -> Embeddings {
    Embeddings::Unusable(format!(
        "This version does not compute embeddings by memorySearch.{what}: set memorySearch.remote.baseUrl to a server \
         with /v1/embeddings."
    ))
}

/// Where the owner's provider `openai` is.
fn openai(config: &Config) -> String {
    let providers = config.models().providers.as_ref();
    let base_url = providers.and_then(|providers| Some(providers.get("openai")?.base_url.clone()));
    match base_url {
        Some(base_url) if !base_url.trim().is_empty() => base_url,
        _ => EmbeddingServer::OPENAI.to_owned(),
    }
}
