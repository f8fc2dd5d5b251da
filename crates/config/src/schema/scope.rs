//! Rules that pick chats: allow or deny by channel, kind of chat and key.

section! {
    /// Which conversations a thing applies to. The first matching rule decides.
    pub struct SendPolicy {
        /// What happens where no rule matches. Default: allow.
        pub default: Option<RuleAction>,
        /// Rules, tried in order.
        pub rules: Option<Vec<ScopeRule>>,
    }
}

choice! {
    /// What a rule says.
    pub enum RuleAction {
        /// Yes.
        Allow = "allow",
        /// No.
        Deny = "deny",
    }
}

impl Default for RuleAction {
    /// Nothing is denied unless a rule says so.
    fn default() -> Self {
        Self::Allow
    }
}

section! {
    /// One rule: an answer, and the conversations it is for.
    pub struct ScopeRule {
        required {
            /// What the rule says.
            pub action: RuleAction,
        }
        /// The conversations it is for. Left out: all.
        #[serde(rename = "match")]
        pub matches: Option<ScopeMatch>,
    }
}

section! {
    /// Conversations, by what all of the given keys say.
    pub struct ScopeMatch {
        /// Channel id, such as `telegram`.
        pub channel: Option<String>,
        /// Kind of chat.
        pub chat_type: Option<ChatType>,
        /// How the conversation's key starts.
        pub key_prefix: Option<String>,
    }
}

choice! {
    /// A kind of chat.
    pub enum ChatType {
        /// With one person.
        Direct = "direct",
        /// With several people.
        Group = "group",
        /// A public or team channel.
        Channel = "channel",
    }
}
