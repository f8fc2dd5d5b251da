//! The tool `web_fetch`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{SecondsFormat, Utc};
use moltbot_agent::{
    Arguments, Effect, Plan, Scene, TargetKind, Tool, ToolError, ToolOutput, read_arguments,
};
use moltbot_config::schema;
use moltbot_llm::ToolSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::addresses::{self, Origin};
use super::cache::Cache;
use super::charset;
use super::download::{Download, Downloader};
use super::readable::{self, Mode};
use super::resolver::{Lookup, SystemLookup};
use moltbot_guard::invisible;

/// More of a page than this many bytes is not read.
const BODY_LIMIT: usize = 5_000_000;

/// What is asked for, best first.
const ACCEPTED: &str = "text/markdown, text/html;q=0.9, application/xhtml+xml;q=0.9, application/json;q=0.8, text/*;q=0.8, */*;q=0.1";

/// Fewer characters are not asked for: a page cut shorter says nothing.
const LEAST_CHARS: usize = 100;

/// Of a page that says that something went wrong, this many characters are enough.
const ERROR_CHARS: usize = 4000;

/// Pages that are kept take at most this much memory together, in bytes.
const KEPT_BYTES: usize = 16_000_000;

/// How pages are read. The configuration knows these as `tools.web.fetch`.
#[derive(Clone)]
pub struct FetchSettings {
    /// Most characters of a page.
    pub max_chars: usize,
    /// Longest time for one page, redirects included.
    pub timeout: Duration,
    /// How long a page is kept; zero for not at all.
    pub keep: Duration,
    /// Most redirects followed.
    pub max_redirects: u32,
    /// The name that is told to servers.
    pub user_agent: String,
    /// Whether only the article on a page is kept, where there is one.
    pub only_article: bool,
    /// Servers that may be reached wherever they are. Empty unless the owner configured some for this.
    pub origins: Vec<Origin>,
    /// Finds the addresses of names.
    pub lookup: Arc<dyn Lookup>,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            max_chars: 50_000,
            timeout: Duration::from_secs(30),
            keep: Duration::from_secs(15 * 60),
            max_redirects: 3,
            user_agent: concat!(
                "Mozilla/5.0 (compatible; moltbot/",
                env!("CARGO_PKG_VERSION"),
                ")"
            )
            .to_owned(),
            only_article: true,
            origins: Vec::new(),
            lookup: Arc::new(SystemLookup),
        }
    }
}

impl FetchSettings {
    /// What the configuration says; `None` where it switches reading pages off.
    pub fn from_config(config: &schema::WebFetch) -> Option<Self> {
        if config.enabled == Some(false) {
            return None;
        }
        let mut settings = Self::default();
        if let Some(chars) = config.max_chars {
            settings.max_chars = usize::try_from(chars).unwrap_or(usize::MAX);
        }
        if let Some(seconds) = config.timeout_seconds {
            settings.timeout = Duration::from_secs(seconds);
        }
        if let Some(minutes) = config.cache_ttl_minutes {
            settings.keep = super::minutes(minutes);
        }
        if let Some(redirects) = config.max_redirects {
            settings.max_redirects = redirects;
        }
        if let Some(name) = &config.user_agent {
            settings.user_agent.clone_from(name);
        }
        if let Some(only_article) = config.readability {
            settings.only_article = only_article;
        }
        Some(settings)
    }

    /// Downloads under these settings what is of these kinds, see [`Downloader::accepted`].
    pub(super) fn downloader(self, accepted: &'static str) -> Downloader {
        Downloader {
            lookup: self.lookup,
            origins: self.origins,
            max_redirects: self.max_redirects,
            user_agent: self.user_agent,
            accepted,
            guarded: OnceLock::new(),
            trusted: OnceLock::new(),
        }
    }
}

/// Reads a page of the web.
pub struct WebFetch {
    max_chars: usize,
    timeout: Duration,
    only_article: bool,
    downloader: Downloader,
    pages: Cache<Arc<Page>>,
}

/// A page as it is kept, whole.
struct Page {
    final_url: String,
    status: u16,
    content_type: String,
    title: Option<String>,
    extractor: &'static str,
    text: String,
    is_cut: bool,
    fetched_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    url: String,
    #[serde(default)]
    extract_mode: ExtractMode,
    max_chars: Option<f64>,
}

#[derive(Default, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum ExtractMode {
    #[default]
    Markdown,
    Text,
}

/// What the model is told, in the order in which it reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    url: &'a str,
    final_url: &'a str,
    status: u16,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    extract_mode: ExtractMode,
    extractor: &'a str,
    truncated: bool,
    length: usize,
    fetched_at: &'a str,
    took_ms: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    text: &'a str,
}

impl WebFetch {
    /// The tool with these settings. Connections are made when first needed.
    pub fn new(settings: FetchSettings) -> Self {
        Self {
            max_chars: settings.max_chars.max(LEAST_CHARS),
            timeout: settings.timeout,
            only_article: settings.only_article,
            pages: Cache::new(settings.keep, KEPT_BYTES),
            downloader: settings.downloader(ACCEPTED),
        }
    }

    async fn page(&self, url: &Url, mode: ExtractMode) -> Result<Page, ToolError> {
        let download = self
            .downloader
            .get(url, BODY_LIMIT)
            .await
            .map_err(ToolError::failed)?;
        let only_article = self.only_article;
        // Large pages take a while, and other conversations share this thread.
        let read = tokio::task::spawn_blocking(move || read(download, mode, only_article));
        match read.await {
            Ok(page) => page,
            Err(_) => Err(ToolError::failed(
                "The page could not be read: its HTML is too broken. Try another page.",
            )),
        }
    }

    fn told(&self, wanted: &Wanted, page: &Page, started: Instant, cached: bool) -> ToolOutput {
        let asked = wanted
            .max_chars
            .map_or(self.max_chars, |chars| chars as usize);
        let is_success = (200..300).contains(&page.status);
        let most = asked.clamp(LEAST_CHARS, self.max_chars);
        let most = if is_success {
            most
        } else {
            most.min(ERROR_CHARS)
        };
        let end = page.text.char_indices().nth(most).map(|(at, _)| at);
        let text = &page.text[..end.unwrap_or(page.text.len())];
        let told = Told {
            url: &wanted.url,
            final_url: &page.final_url,
            status: page.status,
            content_type: &page.content_type,
            title: page.title.as_deref(),
            extract_mode: wanted.extract_mode,
            extractor: page.extractor,
            truncated: page.is_cut || end.is_some(),
            length: text.chars().count(),
            fetched_at: &page.fetched_at,
            took_ms: super::millis_since(started),
            cached,
            text,
        };
        let output = super::json_output(&told);
        match is_success {
            true => output,
            false => output.failed(),
        }
    }
}

/// Makes a download into a page.
fn read(download: Download, mode: ExtractMode, only_article: bool) -> Result<Page, ToolError> {
    let kind = Kind::of(&download).ok_or_else(|| {
        ToolError::failed(format!(
            "What is there is {}, which web_fetch cannot read: it reads web pages, JSON and plain text.",
            match essence(&download.content_type) {
                essence if essence.is_empty() => "a file of an unknown kind".to_owned(),
                essence => essence,
            }
        ))
    })?;
    let text = charset::decode(&download.body, &download.content_type);
    let (title, extractor, text) = match kind {
        Kind::Html => {
            let mode = match mode {
                ExtractMode::Markdown => Mode::Markdown,
                ExtractMode::Text => Mode::Text,
            };
            let page = readable::read(&text, &download.url, mode, only_article);
            let page = page.map_err(ToolError::failed)?;
            let extractor = if page.is_article {
                "readability"
            } else {
                "raw"
            };
            (page.title, extractor, page.text)
        }
        Kind::Json => match serde_json::from_str::<Value>(&text) {
            Ok(value) => (None, "json", format!("{value:#}")),
            Err(_) => (None, "raw", text),
        },
        Kind::Text => (None, "raw", text),
    };
    Ok(Page {
        final_url: download.url.into(),
        status: download.status,
        content_type: invisible::strip(&download.content_type),
        title,
        extractor,
        // Once more for what escapes have become.
        text: invisible::strip(&text),
        is_cut: download.is_cut,
        fetched_at: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
    })
}

/// What can be read.
enum Kind {
    Html,
    Json,
    Text,
}

impl Kind {
    /// By what the server says; by the beginning where it says nothing. `None` for what is not text.
    fn of(download: &Download) -> Option<Self> {
        let essence = essence(&download.content_type);
        match essence.as_str() {
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "application/json" | "text/json" => Some(Self::Json),
            "application/xml"
            | "application/javascript"
            | "application/yaml"
            | "application/toml" => Some(Self::Text),
            essence if essence.ends_with("+json") => Some(Self::Json),
            essence if essence.ends_with("+xml") && !essence.starts_with("image/") => {
                Some(Self::Text)
            }
            essence if essence.starts_with("text/") => Some(Self::Text),
            "" => {
                let start = &download.body[..download.body.len().min(1024)];
                let start = String::from_utf8_lossy(start)
                    .trim_start()
                    .to_ascii_lowercase();
                match start {
                    start if start.contains('\0') => None,
                    start if start.starts_with("<!doctype html") || start.contains("<html") => {
                        Some(Self::Html)
                    }
                    _ => Some(Self::Text),
                }
            }
            _ => None,
        }
    }
}

/// A content type without its parameters.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[async_trait]
impl Tool for WebFetch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "web_fetch".to_owned(),
            description: "Read a web page (http/https) as Markdown or plain text.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "url": {"type": "string"},
                    "extractMode": {"type": "string", "enum": ["markdown", "text"]},
                    "maxChars": {"type": "integer", "description": "at least 100"},
                },
                "required": ["url"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _scene: &Scene<'_>) -> Plan {
        let url = arguments
            .get("url")
            .and_then(Value::as_str)
            .unwrap_or_default();
        // As it will be asked for: a host can be written so that it reads like another.
        let detail = match Url::parse(url.trim()) {
            Ok(url) => url.to_string(),
            Err(_) => url.to_owned(),
        };
        Plan::new(Effect::ReadsOutside, &detail).on(TargetKind::Url, detail.clone())
    }

    async fn call(
        &self,
        arguments: Arguments,
        _scene: &Scene<'_>,
    ) -> Result<ToolOutput, ToolError> {
        let wanted: Wanted = read_arguments(arguments)?;
        let started = Instant::now();
        let url = addresses::read(&wanted.url);
        let url = url.map_err(|error| ToolError::Arguments(error.to_string()))?;
        let key = match wanted.extract_mode {
            ExtractMode::Markdown => format!("markdown {url}"),
            ExtractMode::Text => format!("text {url}"),
        };
        if let Some(page) = self.pages.get(&key, started) {
            return Ok(self.told(&wanted, &page, started, true));
        }
        let page = tokio::time::timeout(self.timeout, self.page(&url, wanted.extract_mode)).await;
        let page = page.map_err(|_| {
            ToolError::failed(format!(
                "The page did not come within {} s. Try another page.",
                self.timeout.as_secs_f64()
            ))
        })?;
        let page = Arc::new(page?);
        if (200..300).contains(&page.status) {
            self.pages
                .put(key, Arc::clone(&page), page.text.len(), Instant::now());
        }
        Ok(self.told(&wanted, &page, started, false))
    }
}
