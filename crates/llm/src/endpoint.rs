//! Where a provider's API lives: base URLs as owners write them, made into the URLs that requests go to.

use url::Url;

use crate::model::{Api, Model};

/// A provider's API root in one dialect.
///
/// Owners write base URLs bare (`http://box:8000`), with the version (`…/v1`) or with a whole path copied from a manual
/// (`…/v1/chat/completions`); all mean the same place. A path that is none of these (`…/api/coding/paas/v4`) is kept.
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
            _ if has_no_path(root) => format!("{root}/v1"),
            _ => root.to_owned(),
        };
        Self { root, api }
    }

    /// A base URL as it may be shown: without a name, password or query in it.
    pub fn shown(base_url: &str) -> String {
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

    /// Where a request for a reply is posted.
    pub fn reply_url(&self) -> String {
        let path = match self.api {
            Api::OpenAiResponses => "/responses",
            Api::AnthropicMessages => "/v1/messages",
            Api::OpenAiCompletions | Api::Engine => "/chat/completions",
        };
        format!("{}{path}", self.root)
    }

    /// Where the list of models is read.
    pub fn models_url(&self) -> String {
        match self.api {
            Api::AnthropicMessages => format!("{}/v1/models", self.root),
            _ => format!("{}/models", self.root),
        }
    }

    /// Where the server's paths outside of this API begin: the root without its version.
    pub fn server_root(&self) -> String {
        // LM Studio serves the API under its own older one, too.
        let versions = ["/api/v0", "/v1"];
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
                endpoint.reply_url(),
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
    fn a_path_of_the_vendor_s_own_is_kept() {
        let zai = Endpoint::from_base(
            "https://api.z.ai/api/coding/paas/v4",
            Api::OpenAiCompletions,
        );
        assert_eq!(
            zai.reply_url(),
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
                endpoint.reply_url(),
                "https://api.anthropic.com/v1/messages"
            );
            assert_eq!(endpoint.models_url(), "https://api.anthropic.com/v1/models");
        }
    }
}
