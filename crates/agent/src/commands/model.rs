//! `/model`, `/models`, and the model behind `/new`.

use std::collections::BTreeMap;

use moltbot_llm::{CatalogError, Model, ModelRef};
use moltbot_store::Session;

use super::obey::{CommandError, Conversation};
use super::parse::Names;
use crate::agent::{Agent, ChoiceError, split_profile};
use crate::skills::find_skill_command;

/// Models on one page of a list.
const PAGE: usize = 20;

/// The longest page that can be asked for.
const LONGEST_PAGE: usize = 100;

/// The shortest word behind `/new` that is taken for part of a model's name.
const SHORTEST_HINT: usize = 6;

/// What a person's name for a model stands for.
enum Meant {
    /// This one.
    One(ModelRef),
    /// One of these.
    Several(Vec<ModelRef>),
    /// None that is known here.
    None,
}

impl Names for Agent {
    fn is_model(&self, name: &str) -> bool {
        let (name, _) = split_profile(name);
        self.is_alias(name)
            || self.listed(name).is_some()
            || (name.contains('/') && self.catalog.resolve(name).is_ok())
    }

    fn is_alias(&self, word: &str) -> bool {
        let mut aliases = self.catalog.aliases();
        aliases.any(|(alias, _)| alias.eq_ignore_ascii_case(word))
    }

    fn is_skill(&self, word: &str) -> bool {
        find_skill_command(&self.skills, word).is_some_and(|(_, input)| input.is_empty())
    }
}

impl Agent {
    /// Answers `/model`.
    pub(super) async fn model_command(
        &self,
        name: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        match name.to_ascii_lowercase().as_str() {
            "" => return Ok(self.current_model(conversation)),
            "list" => return Ok(self.models_list("")),
            "status" => return Ok(self.models_status(conversation)),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
                return Ok("Numeric model selection is not supported in chat.".to_owned());
            }
            _ => {}
        }
        let wanted = Some(name).filter(|name| !name.eq_ignore_ascii_case("default"));
        Ok(match self.choose(wanted, conversation).await? {
            Ok(model) => {
                let label = self.label(&model.reference);
                let profile = self.chosen_profile(&conversation.session);
                let profile = profile.map(|id| format!("\nAuth profile set to {id}."));
                match wanted {
                    Some(_) => format!("Model set to {label}.{}", profile.unwrap_or_default()),
                    None => format!("Model reset to default ({label})."),
                }
            }
            Err(sentence) => sentence,
        })
    }

    /// Chooses the model of a session by a name as `/model` takes it: a reference, an alias, or a part that only one model
    /// has; `default` goes back to the agent's own. Gives the model that will answer next; the inner error says why it
    /// was not chosen.
    ///
    /// # Errors
    /// The store failed.
    pub async fn choose_model_by_name(
        &self,
        session: &Session,
        name: &str,
    ) -> Result<Result<Model, String>, CommandError> {
        let wanted = Some(name).filter(|name| !name.eq_ignore_ascii_case("default"));
        self.choose(wanted, &mut Conversation::new(session.clone()))
            .await
    }

    /// Chooses the conversation's model by a name that a person typed; `None` goes back to the default. The inner error
    /// is the sentence for the person.
    pub(super) async fn choose(
        &self,
        wanted: Option<&str>,
        conversation: &mut Conversation,
    ) -> Result<Result<Model, String>, CommandError> {
        let chosen = match wanted {
            None => None,
            Some(name) => match self.meant(name) {
                (Meant::One(model), profile) => Some(with_profile(&model, profile)),
                (Meant::Several(models), _) => return Ok(Err(several(name, &models))),
                (Meant::None, _) => Some(name.to_owned()),
            },
        };
        let session = &conversation.session;
        match self.choose_model(session, chosen.as_deref()).await {
            Ok(model) => {
                // What was chosen here goes before what the command line said.
                conversation.model = None;
                self.refresh(conversation).await?;
                Ok(Ok(model))
            }
            Err(ChoiceError::Store(error)) => Err(error.into()),
            Err(ChoiceError::Catalog(CatalogError::Malformed(_))) => Ok(Err(format!(
                "Unrecognized model \"{}\". Use /models to list providers, or /models <provider> to list models.",
                wanted.unwrap_or_default()
            ))),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    fn current_model(&self, conversation: &Conversation) -> String {
        match self.next_model(conversation) {
            Ok(model) => format!(
                "Current: {}\n\nSwitch: /model <provider/model>\nBrowse: /models (providers) or /models <provider> (models)\nMore: /model status",
                model.reference
            ),
            Err(error) => error.to_string(),
        }
    }

    /// The model that answers the conversation's next message.
    pub(super) fn next_model(&self, conversation: &Conversation) -> Result<Model, CatalogError> {
        let asked = conversation.model.as_deref();
        let (rungs, _) = self.rungs(&conversation.session, asked)?;
        // A chain that resolves has its first rung.
        rungs
            .into_iter()
            .next()
            .ok_or(CatalogError::NothingConfigured)
    }

    /// The model that answers where nothing was chosen.
    pub(super) fn default_model(&self) -> Option<ModelRef> {
        let has_key = self.settings.has_anthropic_key;
        self.catalog.default_model(Some(self.id()), has_key)
    }

    /// A model as people know it: `alias (provider/model)`.
    pub(super) fn label(&self, model: &ModelRef) -> String {
        let alias = self.catalog.aliases().find(|(_, of)| *of == model);
        match alias {
            Some((alias, _)) => format!("{alias} ({model})"),
            None => model.to_string(),
        }
    }

    /// Answers `/models [provider] [page] [size=N]`.
    pub(super) fn models_list(&self, arguments: &str) -> String {
        let mut by_provider: BTreeMap<String, Vec<ModelRef>> = BTreeMap::new();
        let allowed = self.catalog.allowed();
        for row in self.catalog.rows(false) {
            let model = row.model.reference;
            if allowed.is_none_or(|allowed| allowed.contains(&model)) {
                by_provider
                    .entry(model.provider.clone())
                    .or_default()
                    .push(model);
            }
        }
        let (mut provider, mut page, mut size) = (None, 1, PAGE);
        for word in arguments.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or(("", word));
            match (key, value.parse::<usize>()) {
                ("size" | "limit", Ok(number)) => size = number.clamp(1, LONGEST_PAGE),
                ("" | "page", Ok(number)) => page = number.max(1),
                _ if word.eq_ignore_ascii_case("all") => size = usize::MAX,
                _ => provider = Some(word.to_lowercase()),
            }
        }
        let (name, models) = match &provider {
            Some(name) => match by_provider.get(name) {
                Some(models) => (name.as_str(), models.clone()),
                None => {
                    let known: Vec<&str> = by_provider.keys().map(String::as_str).collect();
                    return format!(
                        "There are no models of \"{name}\" here. Providers: {}.",
                        known.join(", ")
                    );
                }
            },
            None => ("all", by_provider.values().flatten().cloned().collect()),
        };
        if provider.is_none() && models.len() > PAGE && size != usize::MAX {
            let lines: Vec<String> = by_provider
                .iter()
                .map(|(name, models)| format!("- {name} ({})", models.len()))
                .collect();
            return format!(
                "Providers:\n{}\n\nBrowse: /models <provider>",
                lines.join("\n")
            );
        }
        let pages = models.len().div_ceil(size).max(1);
        let page = page.min(pages);
        let first = (page - 1).saturating_mul(size);
        let shown: Vec<String> = models
            .iter()
            .skip(first)
            .take(size)
            .map(|model| self.label(model))
            .collect();
        let list = shown.join("\n");
        match pages {
            1 => list,
            _ => format!(
                "Models ({name}) — showing {}-{} of {} (page {page}/{pages})\n{list}",
                first + 1,
                first + shown.len(),
                models.len(),
            ),
        }
    }

    fn models_status(&self, conversation: &Conversation) -> String {
        let current = self.next_model(conversation);
        let mut lines = vec![
            match &current {
                Ok(model) => format!("Current: {}", self.label(&model.reference)),
                Err(error) => error.to_string(),
            },
            format!(
                "Default: {}",
                self.default_model()
                    .map_or("none".to_owned(), |model| self.label(&model))
            ),
            format!("Agent: {}", self.id()),
        ];
        let mut provider = String::new();
        for row in self.catalog.rows(false) {
            let model = row.model;
            if model.reference.provider != provider {
                provider.clone_from(&model.reference.provider);
                let endpoint = match model.base_url.as_str() {
                    "" => "default",
                    url => url,
                };
                lines.push(format!(
                    "\n[{provider}] endpoint: {endpoint} api: {} auth: {}",
                    model.api,
                    self.auth(&provider)
                ));
            }
            lines.push(format!("• {}", self.label(&model.reference)));
        }
        lines.join("\n")
    }

    /// Where a provider's key comes from.
    pub(super) fn auth(&self, provider: &str) -> String {
        match self.credentials().find(provider) {
            Some(credential) => credential.source().to_string(),
            None => "none".to_owned(),
        }
    }

    /// A model that is listed here, by its reference or by its id alone, in any case.
    fn listed(&self, name: &str) -> Option<ModelRef> {
        let rows = self.catalog.rows(false).into_iter();
        let mut models = rows.map(|row| row.model.reference);
        models.find(|model| {
            model.to_string().eq_ignore_ascii_case(name) || model.model.eq_ignore_ascii_case(name)
        })
    }

    /// What a person means, and the auth profile behind it.
    fn meant<'a>(&self, text: &'a str) -> (Meant, Option<&'a str>) {
        let (name, profile) = split_profile(text);
        let exact = self
            .catalog
            .aliases()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(name))
            .map(|(_, model)| model.clone())
            .or_else(|| self.listed(name));
        let meant = match exact {
            Some(model) => Meant::One(model),
            None if name.contains('/') => Meant::None,
            None => self.nearest(None, name),
        };
        (meant, profile)
    }

    /// The models with a part of their names that begins like this.
    fn nearest(&self, provider: Option<&str>, part: &str) -> Meant {
        let part = part.to_lowercase();
        if part.len() < 3 {
            return Meant::None;
        }
        let allowed = self.catalog.allowed();
        let mut models: Vec<ModelRef> = self
            .catalog
            .rows(false)
            .into_iter()
            .map(|row| row.model.reference)
            .filter(|model| provider.is_none_or(|p| model.provider.eq_ignore_ascii_case(p)))
            .filter(|model| allowed.is_none_or(|allowed| allowed.contains(model)))
            .filter(|model| {
                let id = model.model.to_lowercase();
                id.match_indices(&part).any(|(at, _)| {
                    !id[..at]
                        .chars()
                        .next_back()
                        .is_some_and(char::is_alphanumeric)
                })
            })
            .collect();
        match models.len() {
            0 => Meant::None,
            1 => Meant::One(models.remove(0)),
            _ => Meant::Several(models),
        }
    }

    /// The model that the text behind `/new` begins with, and the text without it.
    pub(super) fn hint<'a>(&self, text: &'a str) -> (Option<String>, &'a str) {
        let (first, rest) = split_word(text);
        if self.is_model(first) {
            let (meant, profile) = self.meant(first);
            let chosen = match meant {
                Meant::One(model) => with_profile(&model, profile),
                Meant::Several(_) | Meant::None => first.to_owned(),
            };
            return (Some(chosen), rest);
        }
        let is_provider = self
            .catalog
            .providers()
            .any(|(id, _)| id.eq_ignore_ascii_case(first));
        let (second, behind) = split_word(rest);
        if is_provider && let Meant::One(model) = self.nearest(Some(first), second) {
            return (Some(model.to_string()), behind);
        }
        if first.chars().count() >= SHORTEST_HINT
            && let Meant::One(model) = self.nearest(None, first)
        {
            return (Some(model.to_string()), rest);
        }
        (None, text)
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn with_profile(model: &ModelRef, profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!("{model}@{profile}"),
        None => model.to_string(),
    }
}

fn several(name: &str, models: &[ModelRef]) -> String {
    let names: Vec<String> = models.iter().map(ToString::to_string).collect();
    format!(
        "\"{name}\" may mean {}. Write one of them in full.",
        names.join(" or ")
    )
}
