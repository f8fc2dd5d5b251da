//! Perplexity, directly or through OpenRouter: `POST /chat/completions`.

use moltbot_agent::ToolError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use super::{Found, Search, WebSearch, address};
use moltbot_guard::invisible;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    choices: Vec<Choice>,
    /// Perplexity's own.
    #[serde(default)]
    citations: Vec<String>,
    /// Perplexity's own, newer.
    #[serde(default)]
    search_results: Vec<Source>,
}

#[derive(Deserialize)]
struct Choice {
    message: Words,
}

#[derive(Deserialize)]
struct Words {
    content: Option<String>,
    /// OpenRouter's form.
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    url_citation: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    url: String,
}

pub(super) async fn search(
    tool: &WebSearch,
    search: &Search,
    key: &str,
    base_url: &str,
    model: &str,
) -> Result<Found, ToolError> {
    if search.freshness.is_some() {
        return Err(ToolError::Arguments(
            "freshness is not known to this search engine: leave it out, and say in the query how new it must be."
                .to_owned(),
        ));
    }
    let url = address(base_url, "/chat/completions", &[])?;
    let refused = "The owner can check the key: tools.web.search.perplexity.apiKey, PERPLEXITY_API_KEY or OPENROUTER_API_KEY.";
    let mut key = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| {
        ToolError::failed(format!("The key for Perplexity cannot be sent. {refused}"))
    })?;
    key.set_sensitive(true);
    let body = json!({
        "model": model,
        "messages": [{"role": "user", "content": search.query}],
    });
    let request = tool
        .client(url.as_str())?
        .post(url)
        .header(AUTHORIZATION, key)
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string());
    let answer: Answer = tool.ask(request, refused).await?;
    let words = answer
        .choices
        .into_iter()
        .next()
        .map(|choice| choice.message);
    let Some((content, annotations)) =
        words.and_then(|words| Some((words.content?, words.annotations)))
    else {
        return Err(ToolError::failed(
            "Perplexity answered with nothing. Ask in other words.",
        ));
    };
    let mut citations = answer.citations;
    if citations.is_empty() {
        citations = answer
            .search_results
            .into_iter()
            .map(|source| source.url)
            .collect();
    }
    if citations.is_empty() {
        let sources = annotations
            .into_iter()
            .filter_map(|annotation| annotation.url_citation);
        citations = sources.map(|source| source.url).collect();
    }
    Ok(Found::Summary {
        model: model.to_owned(),
        content: invisible::strip(&content),
        citations: citations.iter().map(|url| invisible::strip(url)).collect(),
    })
}
