//! `write`: a whole file.

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_agent::{Arguments, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments};
use moltbot_llm::{Provenance, ToolSpec};
use serde::Deserialize;
use serde_json::json;

use super::disk::{DiskError, Expected, Spot};
use super::place::Place;
use super::places::{Folders, plan};
use super::{on_disk, still_decided};

/// Writes a file, in place of what was there.
#[derive(Debug, Clone)]
pub struct Write {
    folders: Arc<Folders>,
}

impl Write {
    /// A tool that knows these folders.
    pub fn new(folders: Arc<Folders>) -> Self {
        Self { folders }
    }
}

#[derive(Deserialize)]
struct WriteArguments {
    path: String,
    content: String,
}

#[async_trait]
impl Tool for Write {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "write".to_owned(),
            description: "Write a whole file, replacing what is there. Folders are created."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "content": {"type": "string"},
                },
                "required": ["path", "content"],
            }),
        }
    }

    fn aliases(&self) -> &[(&str, &str)] {
        &[("file_path", "path")]
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        let found = self.folders.in_call(arguments, scene);
        plan(&found, Place::changes)
    }

    fn is_parallel(&self) -> bool {
        false
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let found = self.folders.in_call(&arguments, scene);
        let decided = still_decided(&plan(&found, Place::changes), scene.decided);
        let WriteArguments { path, content } = read_arguments(arguments)?;
        let label = scene.label;
        on_disk(move || {
            let place = found?;
            decided?;
            if path.ends_with('/') {
                return Err(DiskError::Folder { path: place.path }.into());
            }
            let spot = Spot::make(&place.path, place.takes_foreign(label))?;
            let before = spot.version()?;
            spot.stage(
                content.as_bytes(),
                Expected::Any,
                before,
                place.takes_foreign(label),
            )?
            .commit()?;
            let done = match before {
                Some(_) => "Replaced",
                None => "Created",
            };
            let text = format!("{done} {}: {} bytes.", place.shown(), content.len());
            Ok(ToolOutput::text(text, Provenance::Program))
        })
        .await
    }
}
