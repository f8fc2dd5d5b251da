//! Brave Search: `GET /web/search`.

use moltbot_agent::ToolError;
use reqwest::header::{ACCEPT, HeaderValue};
use serde::Deserialize;

use super::{Found, Freshness, Hit, Search, WebSearch, address};

#[derive(Deserialize)]
struct Answer {
    web: Option<Web>,
}

#[derive(Deserialize)]
struct Web {
    #[serde(default)]
    results: Vec<Page>,
}

#[derive(Deserialize)]
struct Page {
    title: Option<String>,
    url: Option<String>,
    description: Option<String>,
    age: Option<String>,
    page_age: Option<String>,
}

pub(super) async fn search(
    tool: &WebSearch,
    search: &Search,
    key: &str,
    base_url: &str,
) -> Result<Found, ToolError> {
    let count = search.count.to_string();
    let freshness = search.freshness.as_ref().map(|freshness| match freshness {
        Freshness::Day => "pd",
        Freshness::Week => "pw",
        Freshness::Month => "pm",
        Freshness::Year => "py",
        Freshness::Between(days) => days,
    });
    let url = address(
        base_url,
        "/web/search",
        &[
            ("q", Some(&search.query)),
            ("count", Some(&count)),
            ("country", search.country.as_deref()),
            ("search_lang", search.search_lang.as_deref()),
            ("ui_lang", search.ui_lang.as_deref()),
            ("freshness", freshness),
        ],
    )?;
    let refused = "The owner can check the key: tools.web.search.apiKey or BRAVE_API_KEY.";
    let mut key = HeaderValue::from_str(key).map_err(|_| {
        ToolError::failed(format!(
            "The key for Brave Search cannot be sent. {refused}"
        ))
    })?;
    key.set_sensitive(true);
    let request = tool
        .client(url.as_str())?
        .get(url)
        .header(ACCEPT, "application/json")
        .header("x-subscription-token", key);
    let answer: Answer = tool.ask(request, refused).await?;
    let pages = answer.web.map(|web| web.results).unwrap_or_default();
    let hits = pages.into_iter().filter_map(|page| {
        Hit::new(
            page.title,
            page.url,
            page.description,
            page.age.or(page.page_age),
        )
    });
    Ok(Found::Results(hits.take(search.count as usize).collect()))
}
