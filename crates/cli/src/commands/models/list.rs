//! `moltbot models list`.

use moltbot_llm::{Api, Catalog, Credentials, Knowledge, Model, ModelRef, Source};
use serde::Serialize;
use serde_json::json;

use super::in_use::Key;
use crate::app::App;
use crate::args::FormatArgs;
use crate::exit::Exit;
use crate::output;

/// Which models to list.
pub(super) struct Filter<'a> {
    /// Those of the built-in catalog too.
    pub(super) all: bool,
    /// Only those on this machine or its local network.
    pub(super) local: bool,
    /// Only those of this provider.
    pub(super) provider: Option<&'a str>,
}

/// A line of the list, and an object of its JSON form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    name: String,
    /// `text` or `text+image`; `-` where the model is unknown.
    input: &'static str,
    /// Tokens.
    context_window: Option<u64>,
    /// Who said so: `config`, `probed`, `catalog` or `guess`.
    context_window_source: Option<Source>,
    local: bool,
    /// Whether it can be asked: it is there, and has a key or needs none.
    available: bool,
    tags: Vec<String>,
    /// Whether it is named in the configuration but cannot be found.
    missing: bool,
}

/// Prints the list.
pub(super) async fn run(
    app: &App,
    catalog: &Catalog,
    filter: &Filter<'_>,
    format: FormatArgs,
) -> Result<(), Exit> {
    let credentials = app.credentials(&app.agent_id(None)?);
    let list = List {
        catalog,
        credentials: &credentials,
        installed: app.installed()?.into_iter().map(|model| model.id).collect(),
        knowledge: app.remembered()?,
    };
    let mut rows = list.rows(filter.all).await;
    if filter.local {
        rows.retain(|row| row.local);
    }
    if let Some(provider) = filter.provider {
        // The same spellings as in a reference.
        let provider = ModelRef::parse(&format!("{provider}/x"))
            .map_or_else(|_| provider.to_owned(), |model| model.provider);
        rows.retain(|row| row.key.split('/').next() == Some(&provider));
    }
    if format.json {
        return output::json(&json!({"count": rows.len(), "models": rows}));
    }
    if format.plain {
        return rows.iter().try_for_each(|row| output::line(&row.key));
    }
    if rows.is_empty() {
        return output::line("No models found.");
    }
    let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
    output::line(output::table(
        &["Model", "Input", "Ctx", "Local", "Auth", "Tags"],
        &cells,
    ))
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        vec![
            self.key.clone(),
            self.input.to_owned(),
            context(self.context_window, self.context_window_source),
            yes_no(self.local),
            yes_no(self.available),
            self.tags.join(","),
        ]
    }
}

/// A context window and who said so: `32k probed`.
pub(super) fn context(window: Option<u64>, source: Option<Source>) -> String {
    match (window, source) {
        (Some(window), Some(source)) => format!("{} {source}", output::tokens(window)),
        _ => "-".to_owned(),
    }
}

struct List<'a> {
    catalog: &'a Catalog,
    credentials: &'a Credentials,
    installed: Vec<String>,
    /// What servers told when they were last asked.
    knowledge: Knowledge,
}

impl List<'_> {
    /// The default and its fallbacks first, even where they cannot be found, then what the catalog lists.
    async fn rows(&self, all: bool) -> Vec<Row> {
        let has_anthropic_key = self.credentials.find("anthropic").is_some();
        let default = self.catalog.default_model(None, has_anthropic_key);
        let fallbacks = self.catalog.fallbacks(None).iter().enumerate();
        let chain = default
            .map(|model| (model, "default".to_owned()))
            .into_iter()
            .chain(fallbacks.map(|(at, model)| (model.clone(), format!("fallback#{}", at + 1))));
        let mut rows = Vec::new();
        for (reference, tag) in chain {
            let row = match self.catalog.model(&reference) {
                Ok(model) => self.known(model, vec![tag]).await,
                Err(_) => unknown(&reference, tag),
            };
            add(&mut rows, row);
        }
        for row in self.catalog.rows(all) {
            add(&mut rows, self.known(row.model, row.tags).await);
        }
        rows
    }

    async fn known(&self, model: Model, mut tags: Vec<String>) -> Row {
        let model = self.knowledge.dress(model).await;
        let id = &model.reference.model;
        let missing = model.api == Api::Engine
            && !self
                .installed
                .iter()
                .any(|known| known.eq_ignore_ascii_case(id));
        if missing {
            tags.push("missing".to_owned());
        }
        Row {
            key: model.reference.to_string(),
            name: model.name.clone(),
            input: if model.vision { "text+image" } else { "text" },
            context_window: Some(model.context_window),
            context_window_source: Some(model.context_source),
            local: model.is_local(),
            available: !missing && !matches!(Key::of(&model, self.credentials), Key::Missing),
            tags,
            missing,
        }
    }
}

fn unknown(reference: &ModelRef, tag: String) -> Row {
    Row {
        key: reference.to_string(),
        name: reference.model.clone(),
        input: "-",
        context_window: None,
        context_window_source: None,
        local: false,
        available: false,
        tags: vec![tag, "missing".to_owned()],
        missing: true,
    }
}

/// Adds a row; of one model there is only one, with the tags of all.
fn add(rows: &mut Vec<Row>, row: Row) {
    match rows.iter_mut().find(|known| known.key == row.key) {
        Some(known) => {
            for tag in row.tags {
                if !known.tags.contains(&tag) {
                    known.tags.push(tag);
                }
            }
        }
        None => rows.push(row),
    }
}
