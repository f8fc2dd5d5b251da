//! `message`: saying something to a person in the middle of a turn.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use moltbot_agent::{
    Arguments, Effect, Media, Occasion, OutgoingMessage, Outlet, OutletAction, Plan, ReplyText,
    Scene, Tool, ToolError, ToolOutput, read_arguments,
};
use moltbot_llm::{Provenance, ToolSpec};
use moltbot_store::Session;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::files::{Folders, NamedFile, off_thread, still_decided};

/// Sends messages through the outlets that there are.
pub struct MessageTool {
    folders: Arc<Folders>,
    outlets: Vec<Arc<dyn Outlet>>,
}

impl MessageTool {
    /// A tool for these outlets, which sends files from these folders; `None` where nothing can be sent anywhere.
    pub fn new(folders: Arc<Folders>, outlets: Vec<Arc<dyn Outlet>>) -> Option<Self> {
        let tool = Self { folders, outlets };
        (!tool.actions().is_empty()).then_some(tool)
    }

    /// What some outlet can do, sorted.
    fn actions(&self) -> Vec<OutletAction> {
        let outlets = self.outlets.iter();
        let mut actions: Vec<OutletAction> = outlets
            .flat_map(|outlet| outlet.actions().iter().copied())
            .collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    }

    /// The outlet that a call means, and the target there.
    fn way(&self, asked: &Asked, session: &Session) -> Result<Way<'_>, ToolError> {
        let outlet = self.outlet(asked.channel.as_deref(), session)?;
        let channel = outlet.channel();
        let action = asked.action.as_deref().unwrap_or("send");
        let knows = |one: &&OutletAction| one.as_str().eq_ignore_ascii_case(action);
        if !outlet.actions().iter().any(|one| knows(&one)) {
            return wrong(format!("{channel} cannot do \"{action}\"."));
        }
        let home = outlet.home(session);
        let named = asked.target.as_deref().map(str::trim);
        let target = match (named.filter(|target| !target.is_empty()), home.as_deref()) {
            (Some(target), home) if home != Some(target) => {
                if !outlet.reaches_others() {
                    return wrong(format!(
                        "{channel} reaches nobody but the user of this conversation; leave the target out."
                    ));
                }
                return Ok(Way {
                    outlet,
                    target: target.to_owned(),
                    is_home: false,
                });
            }
            (_, Some(home)) => home.to_owned(),
            (_, None) => {
                return wrong(format!(
                    "This conversation is not held on {channel}; name a target."
                ));
            }
        };
        Ok(Way {
            outlet,
            target,
            is_home: true,
        })
    }

    fn outlet(&self, named: Option<&str>, session: &Session) -> Result<&dyn Outlet, ToolError> {
        let mut outlets = self.outlets.iter().map(AsRef::as_ref);
        let found = match (named, self.outlets.as_slice()) {
            (Some(named), _) => {
                outlets.find(|one| one.channel().eq_ignore_ascii_case(named.trim()))
            }
            (None, [only]) => Some(only.as_ref()),
            (None, _) => outlets.find(|one| one.home(session).is_some()),
        };
        match found {
            Some(outlet) => Ok(outlet),
            None => wrong(format!("Name the channel: {}.", self.channels().join(", "))),
        }
    }

    fn channels(&self) -> Vec<&str> {
        self.outlets.iter().map(|outlet| outlet.channel()).collect()
    }
}

#[derive(Deserialize)]
struct Asked {
    action: Option<String>,
    #[serde(default)]
    message: String,
    media: Option<String>,
    channel: Option<String>,
    target: Option<String>,
}

impl Asked {
    /// Reads a call. What in the text means something to the program becomes what it means, as in an answer.
    fn read(arguments: &Arguments) -> Result<Self, ToolError> {
        let mut asked: Self = read_arguments(arguments.clone())?;
        let reply = ReplyText::read(&asked.message, Occasion::Person);
        asked.message = reply.text.trim().to_owned();
        let path = |media: &Media| match media {
            Media::Path(path) => Some(path.clone()),
            Media::Url(_) => None,
        };
        let media = asked.media.take().filter(|path| !path.trim().is_empty());
        asked.media = media.or_else(|| reply.media.iter().find_map(path));
        match asked.message.is_empty() && asked.media.is_none() {
            true => wrong("The message is empty; say something, or send a file.".to_owned()),
            false => Ok(asked),
        }
    }
}

/// Where a message goes.
struct Way<'a> {
    outlet: &'a dyn Outlet,
    target: String,
    /// To the person of the conversation.
    is_home: bool,
}

/// A call that can be done.
struct Ready<'a> {
    way: Way<'a>,
    text: String,
    media: Option<NamedFile>,
}

impl MessageTool {
    fn ready(&self, arguments: &Arguments, scene: &Scene<'_>) -> Result<Ready<'_>, ToolError> {
        let asked = Asked::read(arguments)?;
        let way = self.way(&asked, scene.session)?;
        let named = |text: String| NamedFile::find(&self.folders, scene, &text);
        Ok(Ready {
            way,
            text: asked.message,
            media: asked.media.map(named),
        })
    }
}

impl Ready<'_> {
    /// To the person of the conversation, a message is no more than an answer; to anybody else it leaves the house.
    fn plan(&self) -> Plan {
        let Way {
            outlet,
            target,
            is_home,
        } = &self.way;
        let effect = match is_home {
            true => Effect::Speaks,
            false => Effect::Sends,
        };
        let channel = outlet.channel();
        let mut detail = format!("to {target} on {channel}");
        if !is_home {
            detail.push_str(&format!(": {}", self.text));
        }
        let Some(media) = &self.media else {
            return Plan::new(effect, detail);
        };
        detail.push_str(&format!(" [with {}]", media.plan().detail));
        Plan::new(effect.max(media.effect()), detail)
    }
}

#[async_trait]
impl Tool for MessageTool {
    fn spec(&self) -> ToolSpec {
        let actions: Vec<&str> = self.actions().iter().map(|one| one.as_str()).collect();
        let mut properties = Map::new();
        let mut add = |name: &str, property: Value| properties.insert(name.to_owned(), property);
        add("action", json!({"type": "string", "enum": actions}));
        add("message", json!({"type": "string"}));
        add(
            "media",
            json!({"type": "string", "description": "path of a file to send along"}),
        );
        if self.outlets.len() > 1 {
            add(
                "channel",
                json!({"type": "string", "enum": self.channels()}),
            );
        }
        if self.outlets.iter().any(|outlet| outlet.reaches_others()) {
            add(
                "target",
                json!({"type": "string", "description": "who gets it; default: the user"}),
            );
        }
        ToolSpec {
            name: "message".to_owned(),
            description: "Send a message now, before your answer is finished. Your answer is delivered by itself."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": properties,
                "required": ["message"],
            }),
        }
    }

    fn aliases(&self) -> &[(&str, &str)] {
        &[
            ("text", "message"),
            ("content", "message"),
            ("path", "media"),
            ("filePath", "media"),
            ("to", "target"),
        ]
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        match self.ready(arguments, scene) {
            Ok(ready) => ready.plan(),
            // Such a call ends in the same error, so it needs no decision.
            Err(error) => Plan::new(Effect::Speaks, format!("nothing: {error}")),
        }
    }

    /// Messages arrive in the order in which they were written.
    fn is_parallel(&self) -> bool {
        false
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let ready = self.ready(&arguments, scene)?;
        if let Err(changed) = still_decided(&ready.plan(), scene.decided) {
            return Err(ToolError::failed(changed));
        }
        let Way {
            outlet,
            target,
            is_home,
        } = ready.way;
        let media: Option<PathBuf> = match ready.media {
            None => None,
            Some(file) => match off_thread(move || file.path()).await? {
                Ok(path) => Some(path),
                Err(refusal) => return Ok(refusal.into()),
            },
        };
        let message = OutgoingMessage {
            target,
            text: ready.text,
            media,
        };
        let receipt = outlet.deliver(&message).await.map_err(ToolError::failed)?;
        let mut told = match is_home {
            true => "Delivered to the user. Do not say it again.".to_owned(),
            false => format!("Sent to {} on {}.", message.target, outlet.channel()),
        };
        if let Some(id) = receipt.message_id {
            told.push_str(&format!(" Its id: {id}."));
        }
        Ok(ToolOutput::text(told, Provenance::Program))
    }
}

fn wrong<T>(reason: String) -> Result<T, ToolError> {
    Err(ToolError::Arguments(reason))
}
