//! The model on this machine that makes vectors of notes, as `memorySearch.local.modelPath` names it.

use std::sync::Arc;

use moltbot_llm::Embedder;

use crate::app::App;

/// The embedder that `modelPath` names, or one sentence why there is none.
#[cfg(feature = "engine")]
pub(crate) fn local(app: &App, model_path: Option<&str>) -> Result<Arc<dyn Embedder>, String> {
    use moltbot_engine::{EngineEmbedder, EngineOptions};

    let program = crate::app::this_program().map_err(|exit| exit.message().to_owned())?;
    let path = file(app, model_path)?;
    let options = EngineOptions::new(program, &app.paths().models_dir);
    Ok(Arc::new(EngineEmbedder::new(options, path)))
}

/// A build without the engine has none.
#[cfg(not(feature = "engine"))]
pub(crate) fn local(_: &App, _: Option<&str>) -> Result<Arc<dyn Embedder>, String> {
    Err(
        "This build of moltbot has no engine, so memorySearch.local.modelPath cannot be used: set \
         memorySearch.remote.baseUrl to a server with /v1/embeddings, or build with the feature \"engine\"."
            .to_owned(),
    )
}

/// The file: a path, `local/<id>` of an installed model, or the `hf:` address that one was pulled from.
#[cfg(feature = "engine")]
fn file(app: &App, model_path: Option<&str>) -> Result<std::path::PathBuf, String> {
    use moltbot_engine::models;

    let Some(named) = model_path.map(str::trim) else {
        return Err(
            "memorySearch.provider is \"local\" and names no model: set memorySearch.local.modelPath to a GGUF file, \
             or to local/<id> for one that moltbot models pull has fetched."
                .to_owned(),
        );
    };
    let installed = |id: &str| models::find(&app.paths().models_dir, id);
    if let Some(id) = named.strip_prefix("local/") {
        return installed(id).map_err(|error| error.to_string());
    }
    if named.starts_with("hf:") {
        let name = named.rsplit('/').next().unwrap_or_default();
        let id = name.strip_suffix(".gguf").unwrap_or(name);
        return installed(id).map_err(|_| {
            format!("The embedding model {named} is not on this machine: run moltbot models pull {named}.")
        });
    }
    let path = app.snapshot.environment.absolute(named);
    match path.is_file() {
        true => Ok(path),
        false => Err(format!(
            "There is no model file {}: correct memorySearch.local.modelPath, or write local/<id> for one that \
             moltbot models pull has fetched.",
            app.snapshot.environment.shown(&path)
        )),
    }
}
