//! All checks: their ids and how grave what they find is.

use super::finding::Severity;

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Its id. `<id>`, `<provider>`, `<name>` and `<n>` stand for any text without a dot.
    pub id: &'static str,
    /// How grave what it finds can be.
    pub severities: &'static [Severity],
    /// Whether the original has the same check.
    pub is_original: bool,
}

const fn original(id: &'static str, severities: &'static [Severity]) -> Check {
    Check {
        id,
        severities,
        is_original: true,
    }
}

const fn own(id: &'static str, severities: &'static [Severity]) -> Check {
    Check {
        id,
        severities,
        is_original: false,
    }
}

impl Check {
    /// Whether a finding with this id is one of this check.
    pub fn is_named(&self, id: &str) -> bool {
        let (mut own, mut other) = (self.id.split('.'), id.split('.'));
        loop {
            match (own.next(), other.next()) {
                (None, None) => return true,
                (Some(own), Some(other)) if own == other || own.starts_with('<') => {}
                _ => return false,
            }
        }
    }
}

/// All checks, the original's first.
pub const CHECKS: &[Check] = &[
    original("summary.attack_surface", &[Severity::Info]),
    original("fs.synced_dir", &[Severity::Warn]),
    original("gateway.bind_no_auth", &[Severity::Critical]),
    original("gateway.trusted_proxies_missing", &[Severity::Warn]),
    original("gateway.loopback_no_auth", &[Severity::Critical]),
    original("gateway.tailscale_funnel", &[Severity::Critical]),
    original("gateway.tailscale_serve", &[Severity::Info]),
    original("gateway.control_ui.insecure_auth", &[Severity::Critical]),
    original(
        "gateway.control_ui.device_auth_disabled",
        &[Severity::Critical],
    ),
    original("gateway.token_too_short", &[Severity::Warn]),
    original("browser.control_invalid_config", &[Severity::Warn]),
    original("browser.remote_cdp_http", &[Severity::Warn]),
    original("logging.redact_off", &[Severity::Warn]),
    original(
        "tools.elevated.allowFrom.<provider>.wildcard",
        &[Severity::Critical],
    ),
    original(
        "tools.elevated.allowFrom.<provider>.large",
        &[Severity::Warn],
    ),
    original("hooks.token_too_short", &[Severity::Warn]),
    original("hooks.token_reuse_gateway_token", &[Severity::Warn]),
    original("hooks.path_root", &[Severity::Critical]),
    original(
        "config.secrets.gateway_password_in_config",
        &[Severity::Warn],
    ),
    original("config.secrets.hooks_token_in_config", &[Severity::Info]),
    original("models.legacy", &[Severity::Warn]),
    original("models.weak_tier", &[Severity::Warn]),
    original("models.small_params", &[Severity::Critical, Severity::Info]),
    original(
        "security.exposure.open_groups_with_elevated",
        &[Severity::Critical],
    ),
    original("fs.state_dir.symlink", &[Severity::Warn]),
    original("fs.state_dir.perms_world_writable", &[Severity::Critical]),
    original("fs.state_dir.perms_group_writable", &[Severity::Warn]),
    original("fs.state_dir.perms_readable", &[Severity::Warn]),
    original("fs.config.symlink", &[Severity::Warn]),
    original("fs.config.perms_writable", &[Severity::Critical]),
    original("fs.config.perms_world_readable", &[Severity::Critical]),
    original("fs.config.perms_group_readable", &[Severity::Warn]),
    original("fs.config_include.perms_writable", &[Severity::Critical]),
    original(
        "fs.config_include.perms_world_readable",
        &[Severity::Critical],
    ),
    original("fs.config_include.perms_group_readable", &[Severity::Warn]),
    original("fs.credentials_dir.perms_writable", &[Severity::Critical]),
    original("fs.credentials_dir.perms_readable", &[Severity::Warn]),
    original("fs.auth_profiles.perms_writable", &[Severity::Critical]),
    original("fs.auth_profiles.perms_readable", &[Severity::Warn]),
    original("fs.sessions_store.perms_readable", &[Severity::Warn]),
    original("fs.log_file.perms_readable", &[Severity::Warn]),
    original(
        "plugins.extensions_no_allowlist",
        &[Severity::Warn, Severity::Critical],
    ),
    original("channels.<id>.dm.open", &[Severity::Critical]),
    original("channels.<id>.dm.open_invalid", &[Severity::Warn]),
    original("channels.<id>.dm.disabled", &[Severity::Info]),
    original("channels.<id>.dm.scope_main_multiuser", &[Severity::Warn]),
    original(
        "channels.discord.commands.native.unrestricted",
        &[Severity::Critical],
    ),
    original(
        "channels.discord.commands.native.no_allowlists",
        &[Severity::Warn],
    ),
    original(
        "channels.slack.commands.slash.useAccessGroups_off",
        &[Severity::Critical],
    ),
    original(
        "channels.slack.commands.slash.no_allowlists",
        &[Severity::Warn],
    ),
    original(
        "channels.telegram.groups.allowFrom.wildcard",
        &[Severity::Critical],
    ),
    original(
        "channels.telegram.groups.allowFrom.missing",
        &[Severity::Critical],
    ),
    original("channels.<id>.warning.<n>", &[Severity::Critical]),
    own("config.secrets.file_readable", &[Severity::Warn]),
    own("config.secrets.literal", &[Severity::Info]),
    own("exec.approvals_can_do_anything", &[Severity::Warn]),
    own("exec.approvals_unusable", &[Severity::Warn]),
    own("exec.full_without_asking", &[Severity::Critical]),
    own("fs.credentials_file.perms_writable", &[Severity::Critical]),
    own("fs.credentials_file.perms_readable", &[Severity::Warn]),
    own("fs.database.perms_writable", &[Severity::Critical]),
    own("fs.database.perms_readable", &[Severity::Warn]),
    own("fs.dotenv.perms_writable", &[Severity::Critical]),
    own("fs.dotenv.perms_readable", &[Severity::Warn]),
    own("fs.exec_approvals.perms_writable", &[Severity::Critical]),
    own("fs.exec_approvals.perms_readable", &[Severity::Warn]),
    own("guard.preset_relaxed", &[Severity::Warn]),
    own("mcp.servers.<name>.http", &[Severity::Warn]),
    own("mcp.servers.<name>.trust_read_only", &[Severity::Warn]),
    own("models.rung_outside_places", &[Severity::Warn]),
    own("models.small_context_web_tools", &[Severity::Warn]),
    own("models.weak_with_wide_tools", &[Severity::Warn]),
    own("sandbox.weaker_than_asked", &[Severity::Warn]),
    own("secrets.in_files", &[Severity::Warn]),
];
