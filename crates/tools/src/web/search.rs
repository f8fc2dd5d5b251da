//! The tool `web_search`.

mod brave;
mod perplexity;
mod searxng;
mod settings;

use std::time::Instant;

use async_trait::async_trait;
use chrono::NaiveDate;
use moltbot_agent::{
    Arguments, Effect, Item, Plan, Scene, Target, TargetKind, Tool, ToolError, ToolOutput,
    read_arguments,
};
use moltbot_llm::{Clients, Content, ToolSpec, innermost_cause};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::cache::Cache;
use super::readable;
use moltbot_guard::invisible;

pub use settings::{Engine, SearchSettings};

/// More results are not given: a model reads them all.
const MOST_RESULTS: u32 = 10;

/// More of an answer than this many bytes is not read.
const ANSWER_LIMIT: usize = 2_000_000;

/// Answers that are kept take at most this much memory together, in bytes.
const KEPT_BYTES: usize = 2_000_000;

/// Searches the web.
pub struct WebSearch {
    settings: SearchSettings,
    clients: Clients,
    found: Cache<Found>,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    query: String,
    count: Option<f64>,
    country: Option<String>,
    search_lang: Option<String>,
    ui_lang: Option<String>,
    freshness: Option<String>,
}

/// One search, its parameters checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Search {
    query: String,
    count: u32,
    country: Option<String>,
    search_lang: Option<String>,
    ui_lang: Option<String>,
    freshness: Option<Freshness>,
}

/// How new what is found must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Freshness {
    Day,
    Week,
    Month,
    Year,
    /// Between two days, as Brave writes it.
    Between(String),
}

/// What a search came to.
#[derive(Debug, Clone)]
enum Found {
    Results(Vec<Hit>),
    /// Words about what was found, and where.
    Summary {
        model: String,
        content: String,
        citations: Vec<String>,
    },
}

/// The addresses in what a model was told.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Addresses {
    results: Vec<Address>,
    citations: Vec<String>,
}

#[derive(Deserialize)]
struct Address {
    url: String,
}

/// One page found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Hit {
    title: String,
    url: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_name: Option<String>,
}

impl Hit {
    /// A page as a search engine tells of it, in HTML or plain text; `None` where it is none of the web.
    fn new(
        title: Option<String>,
        url: Option<String>,
        description: Option<String>,
        published: Option<String>,
    ) -> Option<Self> {
        let url = Url::parse(&url?).ok()?;
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let plain = |text: Option<String>| readable::plain(&text.unwrap_or_default());
        Some(Self {
            title: plain(title),
            site_name: url.host_str().map(str::to_owned),
            url: url.into(),
            description: plain(description),
            published: published.map(|text| invisible::strip(&text)),
        })
    }

    fn bytes(&self) -> usize {
        self.title.len() + self.url.len() + self.description.len()
    }
}

impl Found {
    fn bytes(&self) -> usize {
        match self {
            Self::Results(hits) => hits.iter().map(Hit::bytes).sum(),
            Self::Summary {
                content, citations, ..
            } => content.len() + citations.iter().map(String::len).sum::<usize>(),
        }
    }
}

/// What the model is told of results.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldResults<'a> {
    query: &'a str,
    provider: &'a str,
    count: usize,
    took_ms: u64,
    results: &'a [Hit],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
}

/// What the model is told of a summary.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldSummary<'a> {
    query: &'a str,
    provider: &'a str,
    model: &'a str,
    took_ms: u64,
    content: &'a str,
    citations: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
}

impl WebSearch {
    /// The tool with these settings. Connections are made when first needed.
    pub fn new(settings: SearchSettings) -> Self {
        Self {
            clients: Clients::default(),
            found: Cache::new(settings.keep, KEPT_BYTES),
            settings,
        }
    }

    async fn search(&self, search: &Search) -> Result<Found, ToolError> {
        match &self.settings.engine {
            Engine::Brave { key, base_url } => brave::search(self, search, key, base_url).await,
            Engine::Perplexity {
                key,
                base_url,
                model,
            } => perplexity::search(self, search, key, base_url, model).await,
            Engine::SearXng { base_url } => searxng::search(self, search, base_url).await,
        }
    }

    fn client(&self, url: &str) -> Result<&reqwest::Client, ToolError> {
        let client = self.clients.of(url);
        client.map_err(|cause| ToolError::failed(format!("There is no HTTP client: {cause}.")))
    }

    /// Sends a request and reads the answer. `refused` is what to do about a 401 or 403.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        refused: &str,
    ) -> Result<T, ToolError> {
        let name = self.settings.engine.title();
        let limit = self.settings.timeout;
        let answer = tokio::time::timeout(limit, answer(request)).await;
        let (status, body) = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let cause = innermost_cause(&error);
                return Err(ToolError::failed(format!(
                    "{name} could not be reached: {cause}."
                )));
            }
            Err(_) => {
                return Err(ToolError::failed(format!(
                    "{name} did not answer within {} s.",
                    limit.as_secs_f64()
                )));
            }
        };
        match status {
            200..=299 => serde_json::from_slice(&body).map_err(|_| {
                ToolError::failed(format!("{name} answered with something else than results."))
            }),
            401 | 403 => Err(ToolError::failed(format!(
                "{name} refused the search ({status}). {refused}"
            ))),
            429 => Err(ToolError::failed(format!(
                "{name} takes no more searches for now (429). Wait a little before the next one, and search one at a time."
            ))),
            _ => Err(ToolError::failed(format!(
                "{name} answered with an error ({status})."
            ))),
        }
    }

    fn told(&self, query: &str, found: &Found, started: Instant, cached: bool) -> ToolOutput {
        let provider = self.settings.engine.name();
        let took_ms = super::millis_since(started);
        match found {
            Found::Results(results) => super::json_output(&ToldResults {
                query,
                provider,
                count: results.len(),
                took_ms,
                results,
                cached,
            }),
            Found::Summary {
                model,
                content,
                citations,
            } => super::json_output(&ToldSummary {
                query,
                provider,
                model,
                took_ms,
                content,
                citations,
                cached,
            }),
        }
    }

    /// Checks what a model asks for.
    fn check(&self, wanted: Wanted) -> Result<Search, ToolError> {
        let word = |text: Option<String>| {
            let text = text?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let query = word(Some(wanted.query))
            .ok_or_else(|| ToolError::Arguments("query required: it is empty.".to_owned()))?;
        let freshness = match word(wanted.freshness) {
            None => None,
            Some(text) => Some(Freshness::read(&text).ok_or_else(|| {
                ToolError::Arguments(
                    "freshness must be pd, pw, pm, py or YYYY-MM-DDtoYYYY-MM-DD.".to_owned(),
                )
            })?),
        };
        let count = wanted
            .count
            .map_or(self.settings.max_results, |count| count as u32);
        Ok(Search {
            query,
            count: count.clamp(1, MOST_RESULTS),
            country: word(wanted.country),
            search_lang: word(wanted.search_lang),
            ui_lang: word(wanted.ui_lang),
            freshness,
        })
    }
}

/// The status and the body of an answer, as far as it is read.
async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while body.len() < ANSWER_LIMIT
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

/// `base` with a path behind its own, and a query.
fn address(base: &str, path: &str, query: &[(&str, Option<&str>)]) -> Result<Url, ToolError> {
    let base = base.trim().trim_end_matches('/');
    let mut url = Url::parse(&format!("{base}{path}")).map_err(|_| {
        ToolError::failed(format!(
            "The address {base} of the search engine is no URL. The owner can correct it in the configuration."
        ))
    })?;
    for (name, value) in query {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(url)
}

impl Freshness {
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "pd" => Some(Self::Day),
            "pw" => Some(Self::Week),
            "pm" => Some(Self::Month),
            "py" => Some(Self::Year),
            range => {
                let (from, to) = range.split_once("to")?;
                let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
                let (from, to) = (day(from)?, day(to)?);
                (from <= to).then(|| Self::Between(format!("{from}to{to}")))
            }
        }
    }
}

#[async_trait]
impl Tool for WebSearch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "web_search".to_owned(),
            description: "Search the web. Gives titles, URLs and snippets.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string"},
                    "count": {"type": "integer", "description": "Results, 1 to 10."},
                    "country": {"type": "string", "description": "Two letters, such as DE."},
                    "search_lang": {"type": "string", "description": "Language of results, such as de."},
                    "ui_lang": {"type": "string"},
                    "freshness": {"type": "string", "description": "Past pd (day), pw (week), pm (month), py (year), or YYYY-MM-DDtoYYYY-MM-DD."},
                },
                "required": ["query"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _scene: &Scene<'_>) -> Plan {
        let query = arguments.get("query").and_then(Value::as_str);
        let query = query.unwrap_or_default();
        Plan::new(Effect::ReadsOutside, query).on(TargetKind::Query, query)
    }

    /// The addresses that were found, not those that the pages found speak of.
    fn found(&self, _: &Arguments, result: &[Content]) -> Vec<Item> {
        let told = result.iter().find_map(Content::as_text).unwrap_or_default();
        let told: Addresses = serde_json::from_str(told).unwrap_or_default();
        let found = told.results.into_iter().map(|hit| hit.url);
        let addresses = found.chain(told.citations);
        let item = |url| Item {
            values: vec![Target::new(TargetKind::Url, url)],
            stands_alone: true,
            ..Item::default()
        };
        addresses.map(item).collect()
    }

    async fn call(
        &self,
        arguments: Arguments,
        _scene: &Scene<'_>,
    ) -> Result<ToolOutput, ToolError> {
        let search = self.check(read_arguments(arguments)?)?;
        let started = Instant::now();
        let key = format!("{search:?}");
        if let Some(found) = self.found.get(&key, started) {
            return Ok(self.told(&search.query, &found, started, true));
        }
        let found = self.search(&search).await?;
        self.found
            .put(key, found.clone(), found.bytes(), Instant::now());
        Ok(self.told(&search.query, &found, started, false))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn freshness_is_a_word_or_two_days() {
        assert_eq!(Freshness::read("PD"), Some(Freshness::Day));
        assert_eq!(
            Freshness::read("2026-01-02to2026-02-01"),
            Some(Freshness::Between("2026-01-02to2026-02-01".to_owned()))
        );
        for wrong in [
            "",
            "day",
            "2026-02-01to2026-01-02",
            "2026-02-30to2026-03-01",
            "to",
            "2026-01-02",
        ] {
            assert_eq!(Freshness::read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_freshness_or_not(text in any::<String>()) {
            Freshness::read(&text);
        }
    }
}
