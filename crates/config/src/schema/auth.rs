//! `auth`: which stored credentials exist and in what order they are tried. Holds no secrets.

use std::collections::BTreeMap;

section! {
    /// Which stored credentials exist and in what order they are tried. Holds no secrets.
    pub struct Auth {
        /// Credentials by profile id, such as `anthropic:default`.
        pub profiles: Option<BTreeMap<String, AuthProfile>>,
        /// Order in which a provider's profiles are tried.
        pub order: Option<BTreeMap<String, Vec<String>>>,
        /// How long a failing profile is left alone.
        pub cooldowns: Option<AuthCooldowns>,
    }
}

section! {
    /// One stored credential.
    pub struct AuthProfile {
        required {
            /// The provider that it belongs to.
            pub provider: String,
            /// What kind of credential it is.
            pub mode: AuthMode,
        }
        /// Mail address of the account.
        pub email: Option<String>,
    }
}

choice! {
    /// The kind of a stored credential.
    pub enum AuthMode {
        /// A fixed key.
        ApiKey = "api_key",
        /// A login whose token is renewed.
        Oauth = "oauth",
        /// A bearer token that is never renewed.
        Token = "token",
    }
}

impl Default for AuthMode {
    /// The plainest kind: a fixed key.
    fn default() -> Self {
        Self::ApiKey
    }
}

section! {
    /// How long a failing profile is left alone.
    pub struct AuthCooldowns {
        /// Hours that a profile rests after a first billing failure. Default: 5.
        #[schemars(extend("exclusiveMinimum" = 0))]
        pub billing_backoff_hours: Option<f64>,
        /// The same, for one provider each.
        pub billing_backoff_hours_by_provider: Option<BTreeMap<String, f64>>,
        /// Longest rest after billing failures, in hours. Default: 24.
        #[schemars(extend("exclusiveMinimum" = 0))]
        pub billing_max_hours: Option<f64>,
        /// Hours after which earlier failures are forgotten. Default: 24.
        #[schemars(extend("exclusiveMinimum" = 0))]
        pub failure_window_hours: Option<f64>,
    }
}
