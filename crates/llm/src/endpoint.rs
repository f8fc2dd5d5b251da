//! Where a provider's API lives: base URLs as owners write them, made into the URLs that requests go to.

use url::Url;

use crate::model::{Api, Model};

/// A provider's API root in one dialect.
///
/// Owners write base URLs bare (`http://box:8000`), with the version (`…/v1`) or with a whole path copied from a manual
/// (`…/v1/chat/completions`); all mean the same place. A path that is none of these (`…/api/coding/paas/v4`) is kept.
/// The root of Ollama's own API is that of the server; Google's ends in the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    root: String,
    api: Api,
}

/// Paths of the known APIs, cut off where they end a base URL.
const PATHS: &[&str] = &[
    "/chat/completions",
    "/completions",
    "/responses",
    "/messages",
    "/models",
    "/embeddings",
];

/// What may follow the root of an Ollama server, the longer ones first.
const OLLAMA_PATHS: &[&str] = &["/api/chat", "/api/generate", "/api/tags", "/api", "/v1"];

impl Endpoint {
    /// The API root of a model's provider.
    pub fn new(model: &Model) -> Self {
        Self::from_base(&model.base_url, model.api)
    }

    /// The API root behind a base URL.
    pub fn from_base(base_url: &str, api: Api) -> Self {
        let mut root = base_url.trim().trim_end_matches('/');
        // "/chat/completions" stands before "/completions" so that the longer one is cut whole.
        if let Some(path) = PATHS.iter().find(|path| root.ends_with(**path)) {
            root = root[..root.len() - path.len()].trim_end_matches('/');
        }
        let root = match api {
            // Anthropic's base URL is written without the version.
            Api::AnthropicMessages => root.strip_suffix("/v1").unwrap_or(root).to_owned(),
            Api::GoogleGenerativeAi => google_root(root),
            Api::Ollama => OLLAMA_PATHS
                .iter()
                .find_map(|path| root.strip_suffix(path))
                .unwrap_or(root)
                .trim_end_matches('/')
                .to_owned(),
            _ if has_no_path(root) => format!("{root}/v1"),
            _ => root.to_owned(),
        };
        Self { root, api }
    }

    /// A base URL as it may be shown: without a name, password or query in it.
    pub fn shown(base_url: &str) -> String {
        // Without these there is neither, and it is shown for every request.
        if !base_url.contains(['@', '?']) {
            return base_url.to_owned();
        }
        match Url::parse(base_url) {
            Ok(mut url) if url.has_authority() => {
                let secret =
                    !url.username().is_empty() || url.password().is_some() || url.query().is_some();
                if !secret {
                    return base_url.to_owned();
                }
                // Fails only for URLs that can hold no user name, and then there is none.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                url.set_query(None);
                url.to_string()
            }
            _ => base_url.to_owned(),
        }
    }

    /// The server behind a base URL, however that is written, without what is secret in it: the name under which things
    /// about the server are kept.
    pub(crate) fn server(base_url: &str) -> String {
        let mut root =
            Self::from_base(&Self::shown(base_url), Api::OpenAiCompletions).server_root();
        root.make_ascii_lowercase();
        root
    }

    /// Where a request for a reply of this model is posted.
    pub fn reply_url(&self, model: &str) -> String {
        let path = match self.api {
            Api::OpenAiResponses => "/responses",
            Api::AnthropicMessages => "/v1/messages",
            Api::Ollama => "/api/chat",
            Api::GoogleGenerativeAi => {
                let model = google_model(model);
                return format!("{}/{model}:streamGenerateContent?alt=sse", self.root);
            }
            Api::OpenAiCompletions | Api::Engine => "/chat/completions",
        };
        format!("{}{path}", self.root)
    }

    /// Where texts are sent to be turned into vectors, at a server that speaks like OpenAI.
    pub(crate) fn embeddings_url(&self) -> String {
        format!("{}/embeddings", self.root)
    }

    /// Where the list of models is read.
    pub fn models_url(&self) -> String {
        match self.api {
            Api::AnthropicMessages => format!("{}/v1/models", self.root),
            Api::Ollama => format!("{}/api/tags", self.root),
            // One page holds every model there is; the usual page ends after fifty.
            Api::GoogleGenerativeAi => format!("{}/models?pageSize=1000", self.root),
            _ => format!("{}/models", self.root),
        }
    }

    /// Where the server's paths outside of this API begin: the root without its version.
    pub fn server_root(&self) -> String {
        // LM Studio serves the API under its own older one, too.
        let versions = ["/api/v0", "/v1beta", "/v1"];
        let root = versions
            .iter()
            .find_map(|version| self.root.strip_suffix(version));
        root.unwrap_or(&self.root).to_owned()
    }

    /// Whether this is the API of a model's own maker, whose rules are the documented ones.
    pub(crate) fn is_vendor(&self) -> bool {
        const VENDORS: [&str; 3] = [
            "api.openai.com",
            "api.anthropic.com",
            "generativelanguage.googleapis.com",
        ];
        Url::parse(&self.root)
            .is_ok_and(|url| url.host_str().is_some_and(|host| VENDORS.contains(&host)))
    }

    /// Whether this is OpenAI itself, which takes (and wants) fields that others refuse.
    pub(crate) fn is_openai(&self) -> bool {
        Url::parse(&self.root).is_ok_and(|url| url.host_str() == Some("api.openai.com"))
    }
}

/// Google's root: with a version, without the path of a model and without that of its imitation of OpenAI's API.
fn google_root(root: &str) -> String {
    let root = root.find("/models/").map_or(root, |at| &root[..at]);
    let root = root.strip_suffix("/openai").unwrap_or(root);
    match has_no_path(root) {
        true => format!("{root}/v1beta"),
        false => root.to_owned(),
    }
}

/// A model's resource name, fit for a path: `models/` stands before a bare id.
fn google_model(id: &str) -> String {
    let mut path = match id.starts_with("models/") || id.starts_with("tunedModels/") {
        true => String::new(),
        false => "models/".to_owned(),
    };
    for c in id.chars() {
        match c {
            '?' => path.push_str("%3F"),
            '#' => path.push_str("%23"),
            '%' => path.push_str("%25"),
            ' ' => path.push_str("%20"),
            _ => path.push(c),
        }
    }
    path
}

fn has_no_path(root: &str) -> bool {
    match root.split_once("://") {
        Some((_, rest)) => !rest.contains('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_base_url_means_the_same() {
        for base in [
            "http://127.0.0.1:1234",
            "http://127.0.0.1:1234/",
            "http://127.0.0.1:1234/v1",
            "http://127.0.0.1:1234/v1/",
            "http://127.0.0.1:1234/v1/chat/completions",
            "http://127.0.0.1:1234/v1/responses",
            "http://127.0.0.1:1234/v1/models",
        ] {
            let endpoint = Endpoint::from_base(base, Api::OpenAiResponses);
            assert_eq!(
                endpoint.reply_url("m"),
                "http://127.0.0.1:1234/v1/responses",
                "{base}"
            );
            assert_eq!(
                endpoint.models_url(),
                "http://127.0.0.1:1234/v1/models",
                "{base}"
            );
        }
    }

    #[test]
    fn what_is_secret_in_a_url_is_not_shown() {
        let shown = Endpoint::shown("http://bob:hunter2@box:8000/v1?key=s3cret");
        assert_eq!(shown, "http://box:8000/v1");
        assert_eq!(Endpoint::shown("http://box:8000"), "http://box:8000");
    }

    #[test]
    fn other_paths_of_a_server_begin_before_the_version() {
        for (base, root) in [
            ("http://127.0.0.1:1234", "http://127.0.0.1:1234"),
            ("http://127.0.0.1:1234/v1", "http://127.0.0.1:1234"),
            ("http://127.0.0.1:1234/api/v0", "http://127.0.0.1:1234"),
            ("https://box.lan/llm/v1/", "https://box.lan/llm"),
            ("https://openrouter.ai/api/v1", "https://openrouter.ai/api"),
        ] {
            for api in [Api::OpenAiCompletions, Api::AnthropicMessages] {
                assert_eq!(Endpoint::from_base(base, api).server_root(), root, "{base}");
            }
        }
    }

    #[test]
    fn a_server_has_one_name() {
        for base in [
            "http://Box:8000",
            "http://box:8000/v1/",
            "http://bob:hunter2@box:8000/v1/chat/completions?key=s3cret",
            "http://box:8000/v1/messages",
        ] {
            assert_eq!(Endpoint::server(base), "http://box:8000", "{base}");
        }
        assert_ne!(
            Endpoint::server("http://box:8000"),
            Endpoint::server("http://box:8001")
        );
    }

    #[test]
    fn a_path_of_the_vendor_s_own_is_kept() {
        let zai = Endpoint::from_base(
            "https://api.z.ai/api/coding/paas/v4",
            Api::OpenAiCompletions,
        );
        assert_eq!(
            zai.reply_url("m"),
            "https://api.z.ai/api/coding/paas/v4/chat/completions"
        );
    }

    #[test]
    fn anthropic_s_version_is_in_the_path_not_the_base() {
        for base in [
            "https://api.anthropic.com",
            "https://api.anthropic.com/v1",
            "https://api.anthropic.com/v1/messages",
        ] {
            let endpoint = Endpoint::from_base(base, Api::AnthropicMessages);
            assert_eq!(
                endpoint.reply_url("m"),
                "https://api.anthropic.com/v1/messages"
            );
            assert_eq!(endpoint.models_url(), "https://api.anthropic.com/v1/models");
        }
    }

    #[test]
    fn google_s_root_ends_in_a_version_and_the_model_stands_in_the_path() {
        for base in [
            "https://generativelanguage.googleapis.com",
            "https://generativelanguage.googleapis.com/",
            "https://generativelanguage.googleapis.com/v1beta",
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/models",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:generateContent",
        ] {
            let endpoint = Endpoint::from_base(base, Api::GoogleGenerativeAi);
            let root = "https://generativelanguage.googleapis.com/v1beta";
            for id in ["gemini-3-pro-preview", "models/gemini-3-pro-preview"] {
                assert_eq!(
                    endpoint.reply_url(id),
                    format!("{root}/models/gemini-3-pro-preview:streamGenerateContent?alt=sse"),
                    "{base}"
                );
            }
            assert_eq!(
                endpoint.models_url(),
                format!("{root}/models?pageSize=1000")
            );
        }
        let stable = Endpoint::from_base("http://box:1/v1", Api::GoogleGenerativeAi);
        assert_eq!(
            stable.reply_url("odd name?"),
            "http://box:1/v1/models/odd%20name%3F:streamGenerateContent?alt=sse"
        );
    }

    #[test]
    fn ollama_s_own_api_stands_at_the_root_of_its_server() {
        for base in [
            "http://127.0.0.1:11434",
            "http://127.0.0.1:11434/v1",
            "http://127.0.0.1:11434/v1/chat/completions",
            "http://127.0.0.1:11434/api",
            "http://127.0.0.1:11434/api/chat/",
            "http://127.0.0.1:11434/api/tags",
        ] {
            let endpoint = Endpoint::from_base(base, Api::Ollama);
            assert_eq!(
                endpoint.reply_url("m"),
                "http://127.0.0.1:11434/api/chat",
                "{base}"
            );
            assert_eq!(
                endpoint.models_url(),
                "http://127.0.0.1:11434/api/tags",
                "{base}"
            );
            assert_eq!(endpoint.server_root(), "http://127.0.0.1:11434", "{base}");
        }
    }
}
