//! `channels.msteams`.

use std::collections::BTreeMap;

use crate::schema::tools::ToolPolicy;

channel! {
    /// Microsoft Teams, as a bot.
    pub struct MsTeams: Senders {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// The bot's id. Default: `MSTEAMS_APP_ID`.
        pub app_id: Option<String>,
        /// The bot's secret. Default: `MSTEAMS_APP_PASSWORD`.
        pub app_password: Option<String>,
        /// The organisation's id. Default: `MSTEAMS_TENANT_ID`.
        pub tenant_id: Option<String>,
        /// Where requests are taken.
        pub webhook: Option<MsTeamsWebhook>,
        /// Hosts from which files are fetched. Default: those of Microsoft.
        pub media_allow_hosts: Option<Vec<String>>,
        /// Only answer when mentioned. Default: true.
        pub require_mention: Option<bool>,
        /// Where answers go. Default: thread when a mention is needed, else top-level.
        pub reply_style: Option<MsTeamsReplyStyle>,
        /// Teams by id or name.
        pub teams: Option<BTreeMap<String, MsTeamsTeam>>,
        /// SharePoint site for files sent to groups.
        pub share_point_site_id: Option<String>,
    }
}

section! {
    /// Where requests from Teams are taken.
    pub struct MsTeamsWebhook {
        /// Port. Default: 3978.
        #[schemars(range(min = 1))]
        pub port: Option<u16>,
        /// Path. Default: `/api/messages`.
        pub path: Option<String>,
    }
}

choice! {
    /// Where answers go on Teams.
    pub enum MsTeamsReplyStyle {
        /// Into the thread of the question.
        Thread = "thread",
        /// Into the channel.
        TopLevel = "top-level",
    }
}

section! {
    /// One team.
    pub struct MsTeamsTeam {
        /// Only answer when mentioned. Default: that of the account.
        pub require_mention: Option<bool>,
        /// Tools in this team.
        pub tools: Option<ToolPolicy>,
        /// Tools by sender: id, name or `*`.
        pub tools_by_sender: Option<BTreeMap<String, ToolPolicy>>,
        /// Where answers go.
        pub reply_style: Option<MsTeamsReplyStyle>,
        /// Channels by id or name. When given, only these are answered.
        pub channels: Option<BTreeMap<String, MsTeamsChannel>>,
    }
}

section! {
    /// One channel of a team. What it leaves out is taken from the team.
    pub struct MsTeamsChannel {
        /// Only answer when mentioned.
        pub require_mention: Option<bool>,
        /// Tools in this channel.
        pub tools: Option<ToolPolicy>,
        /// Tools by sender: id, name or `*`.
        pub tools_by_sender: Option<BTreeMap<String, ToolPolicy>>,
        /// Where answers go.
        pub reply_style: Option<MsTeamsReplyStyle>,
    }
}
