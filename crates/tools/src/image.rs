//! `image`: a question about a picture, answered by a model that sees.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moltbot_agent::{
    Arguments, Effect, ImageModels, ModelSpending, Plan, Scene, Tool, ToolError, ToolOutput,
    read_arguments,
};
use moltbot_llm::{Image, Provenance, ToolSpec};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::files::{Folders, NamedFile, Refusal, off_thread, still_decided};
use crate::picture::{self, FILE_LIMIT};
use crate::web::{FetchSettings, PictureLoader};

/// What is asked where nothing is.
const QUESTION: &str = "Describe the image.";

/// Shows a picture to a model that sees, and tells what it says.
pub struct ImageTool {
    folders: Arc<Folders>,
    web: Option<PictureLoader>,
    models: ImageModels,
}

impl ImageTool {
    /// A tool that takes pictures from these folders, and from the web where `web` says how.
    pub fn new(folders: Arc<Folders>, web: Option<FetchSettings>, models: ImageModels) -> Self {
        Self {
            folders,
            web: web.map(PictureLoader::new),
            models,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    image: String,
    prompt: Option<String>,
    model: Option<String>,
    max_bytes_mb: Option<f64>,
}

impl Asked {
    /// The largest file that is taken, bytes.
    fn limit(&self) -> u64 {
        let bytes = self.max_bytes_mb.map(|mb| mb * 1024.0 * 1024.0);
        let bytes = bytes.filter(|bytes| *bytes >= 1.0);
        // Positive, and cut to what fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        bytes.map_or(FILE_LIMIT, |bytes| (bytes as u64).min(FILE_LIMIT))
    }
}

/// Where a picture is.
enum Place {
    Web(Url),
    File(NamedFile),
}

impl ImageTool {
    fn place(&self, text: &str, scene: &Scene<'_>) -> Place {
        let text = text.trim();
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Place::Web(url),
            Ok(url) if url.scheme() == "file" => match url.to_file_path() {
                Ok(path) => self.file(&path.to_string_lossy(), scene),
                Err(()) => self.file(text, scene),
            },
            _ => self.file(text, scene),
        }
    }

    fn file(&self, path: &str, scene: &Scene<'_>) -> Place {
        Place::File(NamedFile::find(&self.folders, scene, path))
    }

    async fn load(&self, place: Place, limit: u64) -> Result<Result<Vec<u8>, Refusal>, ToolError> {
        match (place, &self.web) {
            (Place::File(file), _) => off_thread(move || file.bytes(limit)).await,
            (Place::Web(url), Some(web)) => {
                web.load(&url, limit).await.map(Ok).map_err(ToolError::failed)
            }
            (Place::Web(_), None) => Err(ToolError::Arguments(
                "Pictures on the web are not fetched: tools.web.fetch is switched off. Name a file."
                    .to_owned(),
            )),
        }
    }
}

impl Place {
    fn plan(&self) -> Plan {
        match self {
            Self::Web(url) => Plan::new(Effect::ReadsOutside, url.as_str()),
            Self::File(file) => file.plan(),
        }
    }
}

#[async_trait]
impl Tool for ImageTool {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "image".to_owned(),
            description: "Ask a model that sees about a picture.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "image": {"type": "string", "description": "path or URL"},
                    "prompt": {"type": "string"},
                    "model": {"type": "string"},
                    "maxBytesMb": {"type": "number"},
                },
                "required": ["image"],
            }),
        }
    }

    fn aliases(&self) -> &[(&str, &str)] {
        &[("path", "image"), ("url", "image"), ("question", "prompt")]
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        let image = arguments.get("image").and_then(|image| image.as_str());
        self.place(image.unwrap_or_default(), scene).plan()
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let asked: Asked = read_arguments(arguments)?;
        let place = self.place(&asked.image, scene);
        if let Err(changed) = still_decided(&place.plan(), scene.decided) {
            return Err(ToolError::failed(changed));
        }
        let bytes = match self.load(place, asked.limit()).await? {
            Ok(bytes) => bytes,
            Err(refusal) => return Ok(refusal.into()),
        };
        let picture = off_thread(move || picture::fit(bytes)).await?;
        let picture = picture.map_err(ToolError::failed)?;
        let image = Image {
            data: STANDARD.encode(&picture.bytes),
            mime_type: picture.media_type.to_owned(),
            from: Provenance::Outside,
        };
        let prompt = asked.prompt.as_deref().map(str::trim);
        let question = prompt.filter(|text| !text.is_empty()).unwrap_or(QUESTION);
        let model = asked.model.as_deref().map(str::trim);
        let model = model.filter(|name| !name.is_empty());
        let answer = self.models.ask(scene.session, model, question, image).await;
        let answer = answer.map_err(ToolError::failed)?;
        let mut spent = ModelSpending::default();
        spent.add(&answer);
        // A picture may hold words of anybody.
        let said = ToolOutput::text(answer.reply.message.text(), Provenance::Outside);
        Ok(said.spending(spent))
    }
}
