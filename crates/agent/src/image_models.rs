//! Models that look at one picture on an agent's behalf, outside of the conversation: they are told the question and
//! shown the picture, and have neither tools nor history.

use moltbot_config::schema::ModelChain;
use moltbot_llm::{
    Answer, Backends, Catalog, CatalogError, Content, Image, Ladder, LadderError, Message, Model,
    ModelRef, Origin, Priority, Provenance, Request, Source, UserMessage,
};
use moltbot_store::Session;
use thiserror::Error;

use crate::agent::{AgentSettings, rungs, session_places};
use crate::turn::now_ms;

/// The models that an agent's pictures are shown to: those of `agents.defaults.imageModel`, or else the conversation's
/// own, where they see pictures.
#[derive(Clone)]
pub struct ImageModels {
    catalog: Catalog,
    backends: Backends,
    settings: AgentSettings,
    primary: Option<Model>,
    fallbacks: Vec<Model>,
    warnings: Vec<String>,
}

/// No model looked at the picture. `Display` is the sentence for the model that asked.
#[derive(Debug, Error)]
pub enum ImageModelError {
    /// Nothing is configured, and the conversation's models are blind.
    #[error(
        "No image model configured. Set agents.defaults.imageModel.primary or agents.defaults.imageModel.fallbacks."
    )]
    NoModel,
    /// The model that was named does not see pictures.
    #[error("{0} does not see pictures; leave the model out, or name one that does.")]
    Blind(ModelRef),
    /// A model cannot be used.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// No model answered.
    #[error(transparent)]
    Models(#[from] LadderError),
}

impl ImageModels {
    /// Those of the configuration, for the agent with these settings. Nothing is asked yet.
    pub fn new(
        catalog: Catalog,
        backends: Backends,
        settings: AgentSettings,
        configured: Option<&ModelChain>,
    ) -> Self {
        let mut warnings = Vec::new();
        let mut find = |text: &String| {
            let found = match catalog.reference(text) {
                Ok(reference) => catalog.model(&reference),
                Err(error) => Err(error.into()),
            };
            match found {
                Ok(model) => Some(seeing(model)),
                Err(error) => {
                    warnings.push(format!("agents.defaults.imageModel: {error}"));
                    None
                }
            }
        };
        let chain = configured.cloned().unwrap_or_default();
        let primary = chain.primary.as_ref().and_then(&mut find);
        let fallbacks = chain.fallbacks.iter().flatten();
        let fallbacks = fallbacks.filter_map(&mut find).collect();
        Self {
            catalog,
            backends,
            settings,
            primary,
            fallbacks,
            warnings,
        }
    }

    /// What the owner should know about `agents.defaults.imageModel`, each a sentence.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether a model is known that sees pictures, without asking any server.
    pub fn has_any(&self) -> bool {
        let configured: Vec<Model> = self.configured().cloned().collect();
        let known = match configured.is_empty() {
            false => configured,
            true => {
                let agent = Some(self.settings.agent_id.as_str());
                let key = self.settings.has_anthropic_key;
                let chain = self.catalog.chain(None, agent, key);
                let chain = chain.map(|(rungs, _)| rungs).unwrap_or_default();
                chain.into_iter().filter(|model| model.vision).collect()
            }
        };
        !known.is_empty() && Catalog::within(known, &self.settings.places).is_ok()
    }

    /// Shows a picture to the models, one after another until one answers, and asks about it. `model` is tried first
    /// where it is named.
    ///
    /// # Errors
    /// There is no model to ask where the conversation may go, or none answered.
    pub async fn ask(
        &self,
        session: &Session,
        model: Option<&str>,
        question: &str,
        image: Image,
    ) -> Result<Answer, ImageModelError> {
        let rungs = self.rungs(session, model).await?;
        let question = Message::User(UserMessage {
            content: vec![
                Content::text(question, Provenance::Agent),
                Content::Image(image),
            ],
            timestamp: now_ms(),
        });
        let request = Request {
            messages: vec![question],
            origin: Origin {
                // Not the session's: its slot holds what the server has read of the conversation.
                session: None,
                priority: Priority::Person,
                ..Origin::default()
            },
            ..Request::default()
        };
        let ladder = Ladder::new(self.backends.clone(), rungs);
        Ok(ladder.run(&request, &mut |_| {}).await?)
    }

    async fn rungs(
        &self,
        session: &Session,
        named: Option<&str>,
    ) -> Result<Vec<Model>, ImageModelError> {
        let mut wanted: Vec<Model> = match named {
            Some(named) => {
                let model = self.named(named).await?;
                std::iter::once(model)
                    .chain(self.fallbacks.clone())
                    .collect()
            }
            None => self.configured().cloned().collect(),
        };
        if wanted.is_empty() {
            let (own, _) = rungs(&self.catalog, &self.settings, session, None)?;
            for model in own {
                if self.sees(&model).await {
                    wanted.push(model);
                }
            }
        }
        let mut rungs: Vec<Model> = Vec::new();
        for model in wanted {
            if rungs.iter().all(|known| known.reference != model.reference) {
                rungs.push(model);
            }
        }
        if rungs.is_empty() {
            return Err(ImageModelError::NoModel);
        }
        let (rungs, _) = Catalog::within(rungs, &self.settings.places)?;
        let (rungs, _) = Catalog::within(rungs, &session_places(session))?;
        Ok(rungs)
    }

    async fn named(&self, name: &str) -> Result<Model, ImageModelError> {
        if let Ok(reference) = self.catalog.reference(name)
            && let Some(model) = self.configured().find(|m| m.reference == reference)
        {
            return Ok(model.clone());
        }
        let model = self.catalog.resolve(name)?;
        match self.sees(&model).await {
            true => Ok(model),
            false => Err(ImageModelError::Blind(model.reference)),
        }
    }

    async fn sees(&self, model: &Model) -> bool {
        let known = self.backends.knowledge().inquire(model.clone()).await;
        known.vision
    }

    fn configured(&self) -> impl Iterator<Item = &Model> {
        self.primary.iter().chain(&self.fallbacks)
    }
}

/// A model that the owner named for pictures sees them, whatever a catalog or a server says.
fn seeing(model: Model) -> Model {
    Model {
        vision: true,
        vision_source: Source::Config,
        ..model
    }
}
