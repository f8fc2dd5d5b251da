//! Who computes the vectors of notes, by the configuration.
//!
//! Notes go to a server only where the owner named it: by `remote.baseUrl`, or by `provider: "openai"`. That a key for
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

impl Embeddings {
    /// As the configuration says. `places` are where the agent's conversations may go.
    pub fn from_config(
        memory: &MemorySearch,
        config: &Config,
        credentials: &Credentials,
        places: &Places,
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
            EmbeddingProvider::Local => return unusable("provider \"local\""),
            EmbeddingProvider::Auto if own_server.is_none() => match local_model {
                Some(_) => return unusable("local.modelPath"),
                None => return Self::Nobody,
            },
            EmbeddingProvider::Auto | EmbeddingProvider::Openai => {}
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
        match EmbeddingServer::new(&base_url, model, key.as_deref(), &headers) {
            Err(error) => Self::Unusable(error.to_string()),
            Ok(server) if !server.is_within(places) => Self::Unusable(format!(
                "The agent's notes may go to {places} only, and the embeddings server is elsewhere."
            )),
            Ok(server) => Self::By(Arc::new(server)),
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
