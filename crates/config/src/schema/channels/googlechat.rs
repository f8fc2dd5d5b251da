//! `channels.googlechat`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::block::{DmPolicy, ReactionActions, ReplyToMode};
use crate::schema::forms::AllowList;

channel! {
    /// Google Chat, as an app.
    pub struct GoogleChat: Accounts {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// Answer other bots. Default: false.
        pub allow_bots: Option<bool>,
        /// Only answer when mentioned. Default: true.
        pub require_mention: Option<bool>,
        /// People who may write in spaces.
        pub group_allow_from: Option<AllowList>,
        /// Spaces by id or name; `*` stands for all others.
        pub groups: Option<BTreeMap<String, GoogleChatGroup>>,
        /// The app's service account: its JSON, as text or as an object. Default:
        /// `GOOGLE_CHAT_SERVICE_ACCOUNT`.
        pub service_account: Option<ServiceAccount>,
        /// File that holds it. Default: `GOOGLE_CHAT_SERVICE_ACCOUNT_FILE`.
        pub service_account_file: Option<String>,
        /// What Google's requests are made out to.
        pub audience_type: Option<GoogleChatAudience>,
        /// That address or project number.
        pub audience: Option<String>,
        /// Path at which requests are taken. Default: `/googlechat`.
        pub webhook_path: Option<String>,
        /// Public address at which they are taken.
        pub webhook_url: Option<String>,
        /// The app's own user, `users/…`, to notice mentions.
        pub bot_user: Option<String>,
        /// Which messages of an answer refer to the question. Default: off.
        pub reply_to_mode: Option<ReplyToMode>,
        /// What agents may do here.
        pub actions: Option<ReactionActions>,
        /// Direct messages.
        pub dm: Option<GoogleChatDm>,
        /// How typing is shown. Default: message.
        pub typing_indicator: Option<GoogleChatTyping>,
        /// The account used when none is named. Default: `default`, else the first.
        pub default_account: Option<String>,
    }
}

section! {
    /// One space; the name `*` stands for all others.
    pub struct GoogleChatGroup {
        /// Whether it is answered. Default: true.
        pub enabled: Option<bool>,
        /// Whether it is answered. Default: true.
        pub allow: Option<bool>,
        /// Only answer when mentioned. Default: that of the account.
        pub require_mention: Option<bool>,
        /// People who are answered.
        pub users: Option<AllowList>,
        /// Added to the system prompt.
        pub system_prompt: Option<String>,
    }
}

/// A service account's JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected JSON as text, or an object")]
#[schemars(inline)]
pub enum ServiceAccount {
    /// As text.
    Text(String),
    /// As an object.
    Object(BTreeMap<String, Value>),
}

choice! {
    /// What Google's requests are made out to.
    pub enum GoogleChatAudience {
        /// The app's address.
        AppUrl = "app-url",
        /// The project's number.
        ProjectNumber = "project-number",
    }
}

section! {
    /// Direct messages on Google Chat.
    pub struct GoogleChatDm {
        /// Whether they are answered. Default: true.
        pub enabled: Option<bool>,
        /// Who may write. Default: pairing.
        pub policy: Option<DmPolicy>,
        /// People who may write: `users/<id>`, mail address or `*`.
        pub allow_from: Option<AllowList>,
    }
}

choice! {
    /// How typing is shown on Google Chat.
    pub enum GoogleChatTyping {
        /// Not at all.
        None = "none",
        /// As a message that becomes the answer.
        Message = "message",
        /// As a reaction to the question.
        Reaction = "reaction",
    }
}
