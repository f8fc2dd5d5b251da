//! `plugins`: extensions.

use std::collections::BTreeMap;

use serde_json::Value;

section! {
    /// Extensions.
    pub struct Plugins {
        /// Whether any are used. Default: true.
        pub enabled: Option<bool>,
        /// The only plugins that may be used, by id. Empty: all.
        pub allow: Option<Vec<String>>,
        /// Plugins that may not be used, by id.
        pub deny: Option<Vec<String>>,
        /// Where plugins are looked for.
        pub load: Option<PluginsLoad>,
        /// Plugins that take a place of which there is only one.
        pub slots: Option<PluginSlots>,
        /// Settings of single plugins, by id.
        pub entries: Option<BTreeMap<String, Plugin>>,
        /// Plugins installed by this program.
        pub installs: Option<BTreeMap<String, PluginInstall>>,
    }
}

section! {
    /// Where plugins are looked for.
    pub struct PluginsLoad {
        /// Further folders and files.
        pub paths: Option<Vec<String>>,
    }
}

section! {
    /// Plugins that take a place of which there is only one.
    pub struct PluginSlots {
        /// The agent's memory: a plugin id, or `none`. Default: memory-core.
        pub memory: Option<String>,
    }
}

section! {
    /// Settings of one plugin.
    pub struct Plugin {
        /// Whether it is used.
        pub enabled: Option<bool>,
        /// Its own settings.
        pub config: Option<BTreeMap<String, Value>>,
    }
}

section! {
    /// A plugin installed by this program.
    pub struct PluginInstall {
        required {
            /// Where it came from.
            pub source: InstallSource,
        }
        /// Name under which it was asked for.
        pub spec: Option<String>,
        /// Folder or file that it came from.
        pub source_path: Option<String>,
        /// Folder in which it is now.
        pub install_path: Option<String>,
        /// Its version.
        pub version: Option<String>,
        /// When it was installed (ISO 8601).
        pub installed_at: Option<String>,
    }
}

choice! {
    /// Where something installed came from.
    pub enum InstallSource {
        /// The npm registry.
        Npm = "npm",
        /// A packed file.
        Archive = "archive",
        /// A folder or file on this machine.
        Path = "path",
    }
}

impl Default for InstallSource {
    /// A folder or file on this machine.
    fn default() -> Self {
        Self::Path
    }
}
