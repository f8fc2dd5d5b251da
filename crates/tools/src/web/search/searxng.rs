//! SearXNG: `GET /search?format=json`.

use moltbot_agent::ToolError;
use serde::Deserialize;

use super::{Found, Freshness, Hit, Search, WebSearch, address};

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<Page>,
}

#[derive(Deserialize)]
struct Page {
    title: Option<String>,
    url: Option<String>,
    content: Option<String>,
    #[serde(rename = "publishedDate")]
    published: Option<String>,
}

pub(super) async fn search(
    tool: &WebSearch,
    search: &Search,
    base_url: &str,
) -> Result<Found, ToolError> {
    let time_range = match &search.freshness {
        None => None,
        Some(Freshness::Day) => Some("day"),
        Some(Freshness::Week) => Some("week"),
        Some(Freshness::Month) => Some("month"),
        Some(Freshness::Year) => Some("year"),
        Some(Freshness::Between(_)) => {
            return Err(ToolError::Arguments(
                "freshness must be pd, pw, pm or py with this search engine.".to_owned(),
            ));
        }
    };
    // It knows countries as part of a language only: de, de-CH.
    let language = match (&search.search_lang, &search.country) {
        (Some(language), Some(country)) if !language.contains('-') => {
            Some(format!("{language}-{}", country.to_ascii_uppercase()))
        }
        (language, _) => language.clone(),
    };
    let base_url = base_url.trim_end_matches('/').trim_end_matches("/search");
    let url = address(
        base_url,
        "/search",
        &[
            ("q", Some(&search.query)),
            ("format", Some("json")),
            ("language", language.as_deref()),
            ("time_range", time_range),
        ],
    )?;
    let request = tool.client(url.as_str())?.get(url);
    let refused =
        "The owner can allow it: search.formats in SearXNG's settings.yml must list json.";
    let answer: Answer = tool.ask(request, refused).await?;
    let hits = answer
        .results
        .into_iter()
        .filter_map(|page| Hit::new(page.title, page.url, page.content, page.published));
    Ok(Found::Results(hits.take(search.count as usize).collect()))
}
