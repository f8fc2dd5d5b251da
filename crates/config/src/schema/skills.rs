//! `skills`: instructions that an agent reads when it needs them.

use std::collections::BTreeMap;

use serde_json::Value;

section! {
    /// Instructions that an agent reads when it needs them.
    pub struct Skills {
        /// The only skills taken from those that come with the program. Default: all.
        pub allow_bundled: Option<Vec<String>>,
        /// Where skills are looked for.
        pub load: Option<SkillsLoad>,
        /// How programs that skills need are installed.
        pub install: Option<SkillsInstall>,
        /// Settings of single skills, by name.
        pub entries: Option<BTreeMap<String, Skill>>,
    }
}

section! {
    /// Where skills are looked for.
    pub struct SkillsLoad {
        /// Further folders; they count least.
        pub extra_dirs: Option<Vec<String>>,
        /// Notice changes at once. Default: true.
        pub watch: Option<bool>,
        /// Milliseconds to wait after a change. Default: 250.
        pub watch_debounce_ms: Option<u64>,
    }
}

section! {
    /// How programs that skills need are installed.
    pub struct SkillsInstall {
        /// With Homebrew where possible. Default: true.
        pub prefer_brew: Option<bool>,
        /// What installs Node packages. Default: npm.
        pub node_manager: Option<NodePackageTool>,
    }
}

choice! {
    /// What installs Node packages.
    pub enum NodePackageTool {
        /// npm.
        Npm = "npm",
        /// pnpm.
        Pnpm = "pnpm",
        /// Yarn.
        Yarn = "yarn",
        /// Bun.
        Bun = "bun",
    }
}

section! {
    /// Settings of one skill.
    pub struct Skill {
        /// Whether agents see it. Default: true.
        pub enabled: Option<bool>,
        /// Key for the service that it uses.
        pub api_key: Option<String>,
        /// Environment variables for its programs.
        pub env: Option<BTreeMap<String, String>>,
        /// Its own settings.
        pub config: Option<BTreeMap<String, Value>>,
    }
}
