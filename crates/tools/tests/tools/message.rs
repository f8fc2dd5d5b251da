//! `message`, with outlets that keep what they get.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use moltbot_agent::{
    DeliveryError, Effect, OutgoingMessage, Outlet, OutletAction, Receipt, Tool, ToolError,
};
use moltbot_llm::Provenance;
use moltbot_store::Session;
use moltbot_tools::{Folders, MessageTool};
use serde_json::{Value, json};

use crate::call::{Stage, text};

/// A place for messages.
struct Place {
    channel: &'static str,
    home: Option<&'static str>,
    reaches_others: bool,
    got: Mutex<Vec<OutgoingMessage>>,
}

impl Place {
    fn terminal() -> Arc<Self> {
        Self::new("terminal", Some("user"), false)
    }

    fn channel() -> Arc<Self> {
        Self::new("telegram", None, true)
    }

    fn new(channel: &'static str, home: Option<&'static str>, reaches_others: bool) -> Arc<Self> {
        Arc::new(Self {
            channel,
            home,
            reaches_others,
            got: Mutex::default(),
        })
    }

    fn got(&self) -> Vec<OutgoingMessage> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

#[async_trait]
impl Outlet for Place {
    fn channel(&self) -> &str {
        self.channel
    }

    fn actions(&self) -> &[OutletAction] {
        &[OutletAction::Send]
    }

    fn home(&self, _: &Session) -> Option<String> {
        self.home.map(str::to_owned)
    }

    fn reaches_others(&self) -> bool {
        self.reaches_others
    }

    async fn deliver(&self, message: &OutgoingMessage) -> Result<Receipt, DeliveryError> {
        if message.text == "lost" {
            return Err(DeliveryError::Failed("the line is cut".to_owned()));
        }
        self.got.lock().unwrap().push(message.clone());
        Ok(Receipt {
            message_id: self.home.is_none().then(|| "m1".to_owned()),
        })
    }
}

fn tool(stage: &Stage, outlets: &[&Arc<Place>]) -> MessageTool {
    let home = stage.dir.path().to_owned();
    let state = home.join("state");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("auth.json"), "sk-secret").unwrap();
    let outlets = outlets
        .iter()
        .map(|place| Arc::clone(place) as Arc<dyn Outlet>);
    MessageTool::new(Arc::new(Folders::new(home, vec![state])), outlets.collect()).unwrap()
}

fn properties(tool: &dyn Tool) -> Vec<String> {
    let parameters = tool.spec().parameters;
    let properties = parameters["properties"].as_object().unwrap();
    properties.keys().cloned().collect()
}

fn said(target: &str, text: &str, media: Option<PathBuf>) -> Vec<OutgoingMessage> {
    vec![OutgoingMessage {
        target: target.to_owned(),
        text: text.to_owned(),
        media,
    }]
}

#[tokio::test]
async fn only_what_the_outlets_can_do_is_offered() {
    let stage = Stage::new().await;
    let (terminal, channel) = (Place::terminal(), Place::channel());
    let folders = || Arc::new(Folders::new(stage.workspace(), Vec::new()));
    assert!(MessageTool::new(folders(), Vec::new()).is_none());
    let alone = ["action", "message", "media"];
    assert_eq!(properties(&tool(&stage, &[&terminal])), alone);
    let one = tool(&stage, &[&channel]);
    assert_eq!(properties(&one), ["action", "message", "media", "target"]);
    let both = tool(&stage, &[&terminal, &channel]);
    let all = ["action", "message", "media", "channel", "target"];
    assert_eq!(properties(&both), all);
    let offered = &both.spec().parameters["properties"];
    assert_eq!(offered["action"]["enum"], json!(["send"]));
    assert_eq!(offered["channel"]["enum"], json!(["terminal", "telegram"]));
}

#[tokio::test]
async fn the_person_of_the_conversation_is_told_unasked() {
    let stage = Stage::new().await;
    let terminal = Place::terminal();
    let tool = tool(&stage, &[&terminal]);
    let call = json!({"action": "send", "message": "[[reply_to_current]] Half done. NO_REPLY"});
    let plan = stage.plan(&tool, call.clone());
    assert_eq!(
        (plan.effect, plan.detail.as_str()),
        (Effect::Speaks, "to user on terminal")
    );
    let output = stage.call(&tool, call).await.unwrap();
    assert_eq!(text(&output), "Delivered to the user. Do not say it again.");
    assert_eq!(output.content[0].from(), Provenance::Program);
    assert_eq!(terminal.got(), said("user", "Half done.", None));
}

#[tokio::test]
async fn a_message_to_anybody_else_is_an_effect_that_asks() {
    let stage = Stage::new().await;
    let (terminal, channel) = (Place::terminal(), Place::channel());
    let tool = tool(&stage, &[&terminal, &channel]);
    let call = json!({"channel": "Telegram", "target": "@ann", "message": "Hello."});
    let plan = stage.plan(&tool, call.clone());
    assert_eq!(plan.effect, Effect::Sends);
    assert_eq!(plan.detail, "to @ann on telegram: Hello.");
    let told = stage.text(&tool, call).await;
    assert_eq!(told, "Sent to @ann on telegram. Its id: m1.");
    assert_eq!(channel.got(), said("@ann", "Hello.", None));
    assert_eq!(terminal.got(), []);

    // Without a channel, the one that the conversation is held on.
    stage.text(&tool, json!({"message": "Hello."})).await;
    assert_eq!(terminal.got(), said("user", "Hello.", None));
}

#[tokio::test]
async fn a_file_goes_along_from_where_it_really_lies() {
    let stage = Stage::new().await;
    let terminal = Place::terminal();
    let tool = tool(&stage, &[&terminal]);
    let path = stage.workspace().join("a.png");
    fs::write(&path, "x").unwrap();
    let path = path.canonicalize().unwrap();
    let call = json!({"message": "", "media": "a.png"});
    let plan = stage.plan(&tool, call.clone());
    assert_eq!(plan.effect, Effect::ReadsOwn);
    assert!(
        plan.detail.contains(path.to_str().unwrap()),
        "{}",
        plan.detail
    );
    stage.text(&tool, call).await;
    assert_eq!(terminal.got(), said("user", "", Some(path.clone())));
    let call = json!({"message": "Look.\nMEDIA:./a.png"});
    stage.text(&tool, call).await;
    assert_eq!(terminal.got(), said("user", "Look.", Some(path)));

    for (media, says) in [
        ("../state/auth.json", "is not read"),
        ("b.png", "There is no file"),
        (".", "is a folder"),
    ] {
        let call = json!({"message": "Look.", "media": media});
        let output = stage.call(&tool, call).await.unwrap();
        assert!(
            output.is_error && text(&output).contains(says),
            "{}",
            text(&output)
        );
    }
    assert_eq!(terminal.got(), []);
}

#[tokio::test]
async fn what_cannot_be_sent_is_told() {
    let stage = Stage::new().await;
    let (terminal, channel) = (Place::terminal(), Place::channel());
    let both = tool(&stage, &[&terminal, &channel]);
    let one = tool(&stage, &[&terminal]);
    let check = async |tool: &MessageTool, call: Value, says: &str| {
        let plan = stage.plan(tool, call.clone());
        assert!(plan.effect == Effect::Speaks, "{plan:?}");
        let error = stage.call(tool, call).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    };
    check(&one, json!({"message": " "}), "The message is empty").await;
    check(
        &one,
        json!({"message": "[[reply_to_current]]"}),
        "The message is empty",
    )
    .await;
    check(
        &one,
        json!({"message": "x", "target": "bob"}),
        "reaches nobody but the user",
    )
    .await;
    check(
        &one,
        json!({"message": "x", "action": "react"}),
        "cannot do \"react\"",
    )
    .await;
    check(
        &one,
        json!({"message": "x", "channel": "irc"}),
        "Name the channel: terminal.",
    )
    .await;
    check(
        &both,
        json!({"message": "x", "channel": "telegram"}),
        "name a target",
    )
    .await;
    let lost = stage.call(&one, json!({"message": "lost"})).await;
    let error = ToolError::Failed("The message was not delivered: the line is cut.".to_owned());
    assert_eq!(lost, Err(error));
    assert_eq!((terminal.got(), channel.got()), (Vec::new(), Vec::new()));
}
