//! `moltbot models add`: a server becomes a provider, with the models that it really has.

use moltbot_config::{Config, KeyPath};
use moltbot_llm::{
    Api, Catalog, Endpoint, FailureClass, Model, ModelRef, ModelState, Probe, ProbeError,
    ServedModel, ServerKind, probe,
};
use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::{listed, set};
use crate::app::App;
use crate::args::AddArgs;
use crate::commands::config::file::ConfigFile;
use crate::exit::Exit;
use crate::output;

/// Models beyond these are left out; hubs have hundreds.
const MOST: usize = 50;

/// An answer gets no more than this part of a small window.
const ANSWER_PART: u64 = 4;

/// An answer gets no more than this of a large one.
const ANSWER_LIMIT: u64 = 8192;

/// Probes the server and writes it down.
pub(super) async fn run(app: &App, file: &mut ConfigFile, args: &AddArgs) -> Result<(), Exit> {
    let asked = asked(args)?;
    let key = args
        .key
        .as_deref()
        .map(|key| resolved(app, key))
        .transpose()?;
    let told = probe(&asked, key.as_deref())
        .await
        .map_err(|error| Exit::failed(refusal(&error, &asked.base_url)))?;
    if told.models.is_empty() {
        return Err(Exit::failed(format!(
            "{} at {} has no model; load or fetch one there first.",
            told.server.value,
            Endpoint::shown(&told.base_url)
        )));
    }
    let id = match &args.id {
        Some(id) => {
            ModelRef::parse(&format!("{id}/x"))
                .map_err(|_| Exit::failed(format!("\"{id}\" cannot be a provider's id.")))?
                .provider
        }
        None => id_of(&told),
    };
    let owner_s = written_id(&file.snapshot().config, &id);
    if let (Some(name), false) = (&owner_s, args.yes) {
        return Err(Exit::failed(format!(
            "There is a provider \"{name}\" already: write over it with --yes, or give this one another name with --id."
        )));
    }
    let api = args.api.unwrap_or_else(|| api_of(told.server.value));
    let block = block(&told, api, args.key.as_deref());
    let path: KeyPath =
        format!("models.providers[\"{}\"]", owner_s.as_ref().unwrap_or(&id)).parse()?;
    let models = file.snapshot().config.models.as_ref();
    if models.is_none_or(|models| models.mode.is_none()) {
        file.set(&"models.mode".parse()?, json!("merge"))?;
    }
    file.set(&path, block.clone())?;

    let installed: Vec<String> = app.installed()?.into_iter().map(|model| model.id).collect();
    let catalog = Catalog::new(&file.snapshot().config, &installed);
    let first = ModelRef::new(id.clone(), best(&told).id.clone());
    // The first turn need not ask all of it again.
    let model = catalog.model(&first)?;
    app.knowledge()?.learn(&model, told.clone()).await;

    if args.json {
        output::json(&json!({
            "provider": id,
            "path": path.to_string(),
            "server": told.server.value,
            "written": redacted(block),
        }))?;
    } else {
        show(&told, &path, &block)?;
    }
    if args.set_default {
        return set::run(app, file, &catalog, &first.to_string());
    }
    if listed::has_list(file.snapshot()) {
        output::note(
            "agents.defaults.models is the list of all models that may be used, and these are not on it; moltbot models set adds one.",
        );
    }
    if !args.json {
        output::note(format_args!("To use it: moltbot models set {first}"));
    }
    Ok(())
}

/// A model at the address, as if the provider were written down already.
fn asked(args: &AddArgs) -> Result<Model, Exit> {
    let address = args.base_url.trim();
    let address = match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    };
    if !Url::parse(&address).is_ok_and(|url| url.has_host()) {
        return Err(Exit::failed(format!(
            "{} is no address; give one such as http://127.0.0.1:1234/v1.",
            args.base_url
        )));
    }
    let api = args.api.unwrap_or(Api::OpenAiCompletions);
    let provider = json!({"baseUrl": address, "api": api, "models": []});
    let config: Config =
        serde_json::from_value(json!({"models": {"providers": {"new": provider}}}))
            .map_err(|error| Exit::failed(error.to_string()))?;
    Ok(Catalog::new(&config, &[]).model(&ModelRef::new("new", "any"))?)
}

/// A key as it would be used from the config file, where it may be a variable or a reference.
fn resolved(app: &App, key: &str) -> Result<String, Exit> {
    let key = app.snapshot.expand(key);
    key.map_err(|reason| Exit::failed(format!("--key cannot be used: {reason}.")))
}

/// There is no provider yet whose settings could be named.
fn refusal(error: &ProbeError, base_url: &str) -> String {
    let place = Endpoint::shown(base_url);
    match error {
        ProbeError::NotAServer { .. } => format!(
            "{place} answers, but not with a list of models; give the address of the API, which usually ends in /v1."
        ),
        ProbeError::Failed(failure) => match failure.class {
            FailureClass::Unreachable => format!(
                "{place} cannot be reached ({}); start the server first.",
                failure.detail
            ),
            FailureClass::Auth => format!("{place} wants an API key; give it with --key."),
            FailureClass::Timeout => format!("{place} does not answer in time."),
            _ => format!("{place} refused to list its models ({}).", failure.detail),
        },
        ProbeError::InProcess(_) | ProbeError::NoAddress { .. } => error.to_string(),
    }
}

/// The owner's own spelling of a provider's id, where there is one.
fn written_id(config: &Config, id: &str) -> Option<String> {
    let models = config.models.iter();
    let mut names =
        models.flat_map(|models| models.providers.iter().flatten().map(|(name, _)| name));
    names
        .find(|name| ModelRef::parse(&format!("{name}/x")).is_ok_and(|model| model.provider == id))
        .cloned()
}

/// What the server is, or where it is.
fn id_of(told: &Probe) -> String {
    match told.server.value {
        ServerKind::LmStudio => "lmstudio",
        ServerKind::Vllm => "vllm",
        ServerKind::LlamaCpp => "llamacpp",
        ServerKind::Ollama => "ollama",
        ServerKind::Sglang => "sglang",
        ServerKind::LiteLlm => "litellm",
        ServerKind::OpenRouter => "openrouter",
        ServerKind::Generic => return host_name(&told.base_url),
    }
    .to_owned()
}

/// The machine's own name, or its maker's: `box` of `box.lan`, `together` of `api.together.xyz`.
fn host_name(base_url: &str) -> String {
    let url = Url::parse(base_url).ok();
    let name = match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(host)) => {
            let mut labels = host
                .split('.')
                .filter(|label| !matches!(*label, "api" | "www"));
            labels.next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    match name.as_str() {
        "" | "localhost" => "server".to_owned(),
        _ => name,
    }
}

/// LM Studio keeps reasoning apart from the answer only in the newer API.
fn api_of(kind: ServerKind) -> Api {
    match kind {
        ServerKind::LmStudio => Api::OpenAiResponses,
        _ => Api::OpenAiCompletions,
    }
}

fn is_loaded(model: &ServedModel) -> bool {
    let state = model.state.as_ref();
    state.is_some_and(|state| state.value == ModelState::Loaded)
}

/// The model that can answer now, else the first.
fn best(told: &Probe) -> &ServedModel {
    let loaded = told.models.iter().find(|model| is_loaded(model));
    // A server without models was refused before.
    loaded.unwrap_or(&told.models[0])
}

/// The provider as it is written down.
fn block(told: &Probe, api: Api, key: Option<&str>) -> Value {
    let mut models: Vec<&ServedModel> = told.models.iter().collect();
    models.sort_by_key(|model| !is_loaded(model));
    models.truncate(MOST);
    let list = Endpoint::from_base(&told.base_url, api).models_url();
    let tail = match api {
        Api::AnthropicMessages => "/v1/models",
        _ => "/models",
    };
    let mut block = Map::new();
    block.insert(
        "baseUrl".into(),
        json!(list.strip_suffix(tail).unwrap_or(&list)),
    );
    if let Some(key) = key {
        block.insert("apiKey".into(), json!(key));
    }
    block.insert("api".into(), json!(api));
    block.insert("models".into(), models.into_iter().map(entry).collect());
    Value::Object(block)
}

/// A model as it is written down. What the server does not tell stays open: what is written counts for more than what
/// it may tell later.
fn entry(model: &ServedModel) -> Value {
    let input = match &model.vision {
        Some(vision) if vision.value => json!(["text", "image"]),
        _ => json!(["text"]),
    };
    let mut entry = Map::new();
    entry.insert("id".into(), json!(model.id));
    entry.insert("name".into(), json!(model.id));
    entry.insert("input".into(), input);
    entry.insert(
        "cost".into(),
        json!({"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}),
    );
    // What is not loaded may come to be loaded with any context.
    if let Some(loaded) = &model.loaded_context {
        let answer = (loaded.value / ANSWER_PART).clamp(1, ANSWER_LIMIT);
        entry.insert("contextWindow".into(), json!(loaded.value));
        entry.insert("maxTokens".into(), json!(answer));
    }
    Value::Object(entry)
}

fn show(told: &Probe, path: &KeyPath, block: &Value) -> Result<(), Exit> {
    let server = match &told.version {
        Some(version) => format!("{} {}", told.server.value, version.value),
        None => told.server.value.to_string(),
    };
    output::line(format_args!(
        "{server} at {}",
        Endpoint::shown(&told.base_url)
    ))?;
    output::line(format_args!("Written to {path}:"))?;
    let text = serde_json::to_string_pretty(&redacted(block.clone()))
        .map_err(|error| Exit::failed(error.to_string()))?;
    output::line(output::plain(&text))?;
    match told.models.len().checked_sub(MOST) {
        Some(more) if more > 0 => output::line(format_args!(
            "{more} more models were left out; any of them can be used by its name."
        )),
        _ => Ok(()),
    }
}

/// A key is not shown, wherever it comes from.
fn redacted(mut block: Value) -> Value {
    if let Some(Value::String(key)) = block.get_mut("apiKey")
        && !key.starts_with("${")
    {
        *key = moltbot_llm::redact(key);
    }
    block
}
