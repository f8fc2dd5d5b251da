//! Every check on a configuration that trips it and on one that does not, in a real home directory.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use moltbot_config::{Environment, Snapshot, load};
use moltbot_llm::Catalog;
use serde_json::json;

use super::*;
use crate::secrets::Secrets;

/// A home directory with this configuration, closed to others.
struct Home {
    dir: tempfile::TempDir,
    environment: Environment,
}

impl Home {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment {
            vars: BTreeMap::new(),
            home: dir.path().to_owned(),
            cwd: dir.path().to_owned(),
        };
        let home = Self { dir, environment };
        home.write(".clawdbot/moltbot.json", config, 0o600);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file with these permissions; its folders are the owner's alone.
    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut folder = path.parent().unwrap().to_owned();
        while folder != self.dir.path() {
            set_mode(&folder, 0o700);
            folder = folder.parent().unwrap().to_owned();
        }
        fs::write(&path, text).unwrap();
        set_mode(&path, mode);
        path
    }

    fn snapshot(&self) -> Snapshot {
        load(&self.environment).unwrap_or_else(|error| panic!("{error}"))
    }

    fn facts(&self) -> Facts {
        let snapshot = self.snapshot();
        let catalog = Catalog::new(&snapshot.config, &[]);
        let listed = snapshot.config.agents().list().iter();
        let mut ids: Vec<String> = listed.map(|agent| agent.normalized_id()).collect();
        if ids.is_empty() {
            ids.push("main".to_owned());
        }
        let denied = snapshot.config.tools.clone().unwrap_or_default().deny;
        let denied = denied.unwrap_or_default();
        let agents = ids.into_iter().map(|id| {
            let models = catalog.chain(None, Some(&id), false);
            let tools = ["exec", "web_fetch"].into_iter().map(str::to_owned);
            AgentFacts {
                models: models.map_or_else(|_| Vec::new(), |(models, _)| models),
                image_models: Vec::new(),
                tools: tools.filter(|tool| !denied.contains(tool)).collect(),
                id,
            }
        });
        Facts::gather(&snapshot, agents.collect())
    }

    fn audit(&self) -> Vec<Finding> {
        audit(&self.facts())
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A server at home with one model, which is the default. `more` goes into the configuration.
fn with_model(id: &str, window: u64, more: &str) -> String {
    format!(
        r#"{{ models: {{ providers: {{ box: {{ baseUrl: "http://127.0.0.1:9/v1", models: [
            {{ id: "{id}", name: "x", contextWindow: {window} }} ] }} }} }},
            agents: {{ defaults: {{ model: {{ primary: "box/{id}" }} }} }}, {more} }}"#
    )
}

type Case = (&'static str, Severity, String, String);

/// An id, how grave, a configuration that trips the check and one that is near it and does not.
fn cases() -> Vec<Case> {
    use Severity::{Critical, Info, Warn};
    let long = "a-long-token-0123456789abcdef";
    let elevated = |list: &str| {
        format!(r#"{{ tools: {{ elevated: {{ allowFrom: {{ telegram: {list} }} }} }} }}"#)
    };
    let many = |count: usize| {
        format!(
            "[{}]",
            (0..count)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(",")
        )
    };
    let hooks = |more: &str| format!("{{ hooks: {{ enabled: true, {more} }} }}");
    let rung = |places: &str| {
        format!(
            r#"{{ agents: {{ defaults: {{ places: {places}, model: {{ primary: "openai/gpt-5.2" }} }} }} }}"#
        )
    };
    let channels = |text: &str| format!("{{ channels: {{ {text} }} }}");
    let gateway = |text: &str| format!("{{ gateway: {{ {text} }} }}");
    let text = str::to_owned;
    vec![
        (
            "gateway.bind_no_auth",
            Critical,
            gateway("bind: 'lan'"),
            gateway(&format!("bind: 'lan', auth: {{ token: '{long}' }}")),
        ),
        (
            "gateway.trusted_proxies_missing",
            Warn,
            gateway("port: 1234"),
            gateway("trustedProxies: ['10.0.0.1']"),
        ),
        (
            "gateway.loopback_no_auth",
            Critical,
            gateway("bind: 'loopback'"),
            gateway("controlUi: { enabled: false }"),
        ),
        (
            "gateway.tailscale_funnel",
            Critical,
            gateway("tailscale: { mode: 'funnel' }, auth: { mode: 'password', password: 'x' }"),
            gateway("tailscale: { mode: 'off' }"),
        ),
        (
            "gateway.tailscale_serve",
            Info,
            gateway("tailscale: { mode: 'serve' }"),
            gateway("tailscale: { mode: 'off' }"),
        ),
        (
            "gateway.control_ui.insecure_auth",
            Critical,
            gateway("controlUi: { allowInsecureAuth: true }"),
            gateway("controlUi: { allowInsecureAuth: false }"),
        ),
        (
            "gateway.control_ui.device_auth_disabled",
            Critical,
            gateway("controlUi: { dangerouslyDisableDeviceAuth: true }"),
            text("{}"),
        ),
        (
            "gateway.token_too_short",
            Warn,
            gateway("auth: { token: 'short' }"),
            gateway(&format!("auth: {{ token: '{long}' }}")),
        ),
        (
            "browser.control_invalid_config",
            Warn,
            text("{ browser: { cdpUrl: 'nowhere' } }"),
            text("{ browser: { enabled: false, cdpUrl: 'nowhere' } }"),
        ),
        (
            "browser.remote_cdp_http",
            Warn,
            text(
                "{ browser: { profiles: { far: { color: '112233', cdpUrl: 'http://far.example:9222' } } } }",
            ),
            text("{ browser: { cdpUrl: 'http://127.0.0.1:9222' } }"),
        ),
        (
            "logging.redact_off",
            Warn,
            text("{ logging: { redactSensitive: 'off' } }"),
            text("{ logging: { redactSensitive: 'tools' } }"),
        ),
        (
            "tools.elevated.allowFrom.telegram.wildcard",
            Critical,
            elevated("['*']"),
            elevated("['7']"),
        ),
        (
            "tools.elevated.allowFrom.telegram.large",
            Warn,
            elevated(&many(26)),
            elevated(&many(25)),
        ),
        (
            "hooks.token_too_short",
            Warn,
            hooks("token: 'short'"),
            hooks(&format!("token: '{long}'")),
        ),
        (
            "hooks.token_reuse_gateway_token",
            Warn,
            format!(
                "{{ gateway: {{ auth: {{ token: '{long}' }} }}, hooks: {{ enabled: true, token: '{long}' }} }}"
            ),
            format!(
                "{{ gateway: {{ auth: {{ token: '{long}' }} }}, hooks: {{ enabled: true, token: '{long}2' }} }}"
            ),
        ),
        (
            "hooks.path_root",
            Critical,
            hooks(&format!("token: '{long}', path: '/'")),
            hooks(&format!("token: '{long}', path: '/hooks'")),
        ),
        (
            "config.secrets.gateway_password_in_config",
            Warn,
            gateway("auth: { password: 'hunter2hunter2' }"),
            text("{ env: { vars: { GWPW: 'x' } }, gateway: { auth: { password: '${GWPW}y' } } }"),
        ),
        (
            "config.secrets.hooks_token_in_config",
            Info,
            hooks(&format!("token: '{long}'")),
            format!("{{ hooks: {{ token: '{long}' }} }}"),
        ),
        (
            "models.legacy",
            Warn,
            with_model("gpt-4-0613", 32_000, ""),
            with_model("gpt-5.2", 32_000, ""),
        ),
        (
            "models.weak_tier",
            Warn,
            with_model("claude-haiku-4-5", 32_000, ""),
            with_model("claude-opus-4-5", 32_000, ""),
        ),
        (
            "models.small_params",
            Critical,
            with_model("qwen3-30b", 32_000, ""),
            with_model("deepseek-671b", 32_000, ""),
        ),
        (
            "models.small_params",
            Info,
            with_model("qwen3-30b", 32_000, "tools: { deny: ['web_fetch'] }")
                .replace("model: {", "sandbox: { mode: 'all' }, model: {"),
            with_model("qwen3-30b", 32_000, "tools: { deny: ['web_fetch'] }"),
        ),
        (
            "security.exposure.open_groups_with_elevated",
            Critical,
            channels("telegram: { groupPolicy: 'open' }"),
            text(
                "{ tools: { elevated: { enabled: false } }, channels: { telegram: { groupPolicy: 'open' } } }",
            ),
        ),
        (
            "channels.telegram.dm.open",
            Critical,
            channels("telegram: { dmPolicy: 'open', allowFrom: ['*'] }"),
            channels("telegram: { enabled: false, dmPolicy: 'open', allowFrom: ['*'] }"),
        ),
        (
            "channels.discord.dm.open",
            Critical,
            channels("discord: { dm: { policy: 'open', allowFrom: ['*'] } }"),
            channels("discord: { dm: { policy: 'pairing' } }"),
        ),
        (
            "channels.telegram.dm.open",
            Critical,
            channels(
                "telegram: { accounts: { a: {}, b: { dmPolicy: 'open', allowFrom: ['*'] } } }",
            ),
            channels("telegram: { accounts: { a: {}, b: { dmPolicy: 'allowlist' } } }"),
        ),
        (
            "channels.telegram.dm.open_invalid",
            Warn,
            channels(
                "telegram: { dmPolicy: 'open', allowFrom: ['*'], accounts: { a: { allowFrom: [7] } } }",
            ),
            channels("telegram: { dmPolicy: 'open', allowFrom: ['*'], accounts: { a: {} } }"),
        ),
        (
            "channels.signal.dm.disabled",
            Info,
            channels("signal: { dmPolicy: 'disabled' }"),
            channels("signal: {}"),
        ),
        (
            "channels.telegram.dm.scope_main_multiuser",
            Warn,
            channels("telegram: { allowFrom: [1, 2] }"),
            text(
                "{ session: { dmScope: 'per-channel-peer' }, channels: { telegram: { allowFrom: [1, 2] } } }",
            ),
        ),
        (
            "channels.discord.commands.native.unrestricted",
            Critical,
            text(
                "{ commands: { useAccessGroups: false }, channels: { discord: { guilds: { '*': {} } } } }",
            ),
            text(
                "{ commands: { useAccessGroups: false }, channels: { discord: { guilds: { '*': { users: ['7'] } } } } }",
            ),
        ),
        (
            "channels.discord.commands.native.no_allowlists",
            Warn,
            channels("discord: { guilds: { '*': {} } }"),
            channels("discord: { guilds: { '*': {} }, dm: { allowFrom: ['7'] } }"),
        ),
        (
            "channels.slack.commands.slash.useAccessGroups_off",
            Critical,
            text(
                "{ commands: { useAccessGroups: false }, channels: { slack: { slashCommand: { enabled: true } } } }",
            ),
            text(
                "{ commands: { useAccessGroups: false }, channels: { slack: { slashCommand: { enabled: false } } } }",
            ),
        ),
        (
            "channels.slack.commands.slash.no_allowlists",
            Warn,
            channels("slack: { slashCommand: { enabled: true } }"),
            channels(
                "slack: { slashCommand: { enabled: true }, channels: { C1: { users: ['U7'] } } }",
            ),
        ),
        (
            "channels.telegram.groups.allowFrom.wildcard",
            Critical,
            channels("telegram: { groups: { '*': {} }, groupAllowFrom: ['*'] }"),
            channels("telegram: { groupAllowFrom: ['*'] }"),
        ),
        (
            "channels.telegram.groups.allowFrom.missing",
            Critical,
            channels("telegram: { groups: { '*': {} } }"),
            channels("telegram: { groups: { '*': { allowFrom: [7] } } }"),
        ),
        (
            "channels.telegram.warning.1",
            Critical,
            channels("telegram: { groupPolicy: 'open' }"),
            channels("telegram: { groupPolicy: 'allowlist' }"),
        ),
        (
            "channels.slack.warning.1",
            Critical,
            channels("defaults: { groupPolicy: 'open' }, slack: {}"),
            channels("defaults: { groupPolicy: 'open' }, slack: { groupPolicy: 'disabled' }"),
        ),
        (
            "config.secrets.literal",
            Info,
            channels("telegram: { botToken: '123456789:AAF-x_yzabcdefgh' }"),
            text(
                "{ env: { vars: { TG: '123456789' } }, channels: { telegram: { botToken: '${TG}:AAF-x_yzabcdefgh' } } }",
            ),
        ),
        (
            "guard.preset_relaxed",
            Warn,
            text("{ tools: { guard: { preset: 'relaxed' } } }"),
            text("{ tools: { guard: { preset: 'strict' } } }"),
        ),
        (
            "mcp.servers.far.http",
            Warn,
            text("{ mcp: { servers: { far: { url: 'http://far.example/mcp' } } } }"),
            text("{ mcp: { servers: { far: { url: 'http://localhost:8/mcp' } } } }"),
        ),
        (
            "mcp.servers.far.trust_read_only",
            Warn,
            text("{ mcp: { servers: { far: { command: 'x', trust: 'readOnly' } } } }"),
            text(
                "{ mcp: { servers: { far: { enabled: false, command: 'x', trust: 'readOnly' } } } }",
            ),
        ),
        (
            "models.rung_outside_places",
            Warn,
            rung("['local']"),
            rung("['local', 'openai']"),
        ),
        (
            "models.small_context_web_tools",
            Warn,
            with_model("m", 8_192, ""),
            with_model("m", 16_384, ""),
        ),
        (
            "models.small_context_web_tools",
            Warn,
            with_model("m", 8_192, ""),
            with_model("m", 8_192, "tools: { deny: ['web_fetch'] }"),
        ),
        (
            "models.weak_with_wide_tools",
            Warn,
            with_model("qwen3-8b", 32_000, ""),
            with_model("qwen3-8b", 32_000, "tools: { deny: ['exec'] }"),
        ),
        (
            "models.weak_with_wide_tools",
            Warn,
            with_model("qwen3-70b-IQ2_XS", 32_000, ""),
            with_model("qwen3-70b-Q4_K_M", 32_000, ""),
        ),
        (
            "exec.full_without_asking",
            Critical,
            text("{ tools: { exec: { security: 'full' } } }"),
            text("{ tools: { exec: { security: 'full', ask: 'always' } } }"),
        ),
    ]
}

#[track_caller]
fn found(findings: &[Finding], id: &str, severity: Severity) -> bool {
    findings
        .iter()
        .any(|one| one.check_id == id && one.severity == severity)
}

#[test]
fn every_check_of_the_configuration_is_tripped_and_stays_silent() {
    for (id, severity, trips, silent) in cases() {
        assert!(
            found(&Home::new(&trips).audit(), id, severity),
            "{id} is not tripped by {trips}"
        );
        let findings = Home::new(&silent).audit();
        assert!(
            !found(&findings, id, severity),
            "{id} is tripped by {silent}"
        );
    }
}

#[test]
fn an_empty_configuration_has_nothing_against_it() {
    let findings = Home::new("{}").audit();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].check_id, "summary.attack_surface");
    assert_eq!(
        Summary::of(&findings),
        Summary {
            critical: 0,
            warn: 0,
            info: 1
        }
    );
}

/// An id, how grave, a file with permissions that trip the check.
#[cfg(unix)]
fn file_cases() -> Vec<(&'static str, Severity, &'static str, u32)> {
    use Severity::{Critical, Warn};
    vec![
        (
            "fs.state_dir.perms_world_writable",
            Critical,
            ".clawdbot",
            0o707,
        ),
        (
            "fs.state_dir.perms_group_writable",
            Warn,
            ".clawdbot",
            0o770,
        ),
        ("fs.state_dir.perms_readable", Warn, ".clawdbot", 0o750),
        (
            "fs.config.perms_writable",
            Critical,
            ".clawdbot/moltbot.json",
            0o620,
        ),
        (
            "fs.config.perms_world_readable",
            Critical,
            ".clawdbot/moltbot.json",
            0o604,
        ),
        (
            "fs.config.perms_group_readable",
            Warn,
            ".clawdbot/moltbot.json",
            0o640,
        ),
        (
            "fs.config_include.perms_writable",
            Critical,
            "more.json",
            0o602,
        ),
        (
            "fs.config_include.perms_world_readable",
            Critical,
            "more.json",
            0o644,
        ),
        (
            "fs.config_include.perms_group_readable",
            Warn,
            "more.json",
            0o640,
        ),
        (
            "fs.credentials_dir.perms_writable",
            Critical,
            ".clawdbot/credentials",
            0o730,
        ),
        (
            "fs.credentials_dir.perms_readable",
            Warn,
            ".clawdbot/credentials",
            0o750,
        ),
        (
            "fs.credentials_file.perms_writable",
            Critical,
            ".clawdbot/credentials/telegram-allowFrom.json",
            0o622,
        ),
        (
            "fs.credentials_file.perms_readable",
            Warn,
            ".clawdbot/credentials/telegram-allowFrom.json",
            0o644,
        ),
        (
            "fs.auth_profiles.perms_writable",
            Critical,
            ".clawdbot/agents/main/agent/auth-profiles.json",
            0o660,
        ),
        (
            "fs.auth_profiles.perms_readable",
            Warn,
            ".clawdbot/agents/main/agent/auth-profiles.json",
            0o640,
        ),
        (
            "fs.sessions_store.perms_readable",
            Warn,
            ".clawdbot/agents/main/sessions/sessions.json",
            0o644,
        ),
        (
            "fs.database.perms_writable",
            Critical,
            ".clawdbot/moltbot.db",
            0o666,
        ),
        (
            "fs.database.perms_readable",
            Warn,
            ".clawdbot/moltbot.db-wal",
            0o644,
        ),
        (
            "fs.dotenv.perms_writable",
            Critical,
            ".clawdbot/.env",
            0o620,
        ),
        ("fs.dotenv.perms_readable", Warn, ".clawdbot/.env", 0o644),
        (
            "fs.exec_approvals.perms_writable",
            Critical,
            ".clawdbot/exec-approvals.json",
            0o622,
        ),
        (
            "fs.exec_approvals.perms_readable",
            Warn,
            ".clawdbot/exec-approvals.json",
            0o644,
        ),
        ("fs.log_file.perms_readable", Warn, "my.log", 0o644),
    ]
}

/// A home with one of everything, closed to others.
fn full_home() -> Home {
    let home = Home::new("{ $include: '../more.json', logging: { file: '~/my.log' } }");
    home.write("more.json", "{ channels: { telegram: {} } }", 0o600);
    home.write("my.log", "", 0o600);
    for name in [
        "credentials/telegram-allowFrom.json",
        "agents/main/agent/auth-profiles.json",
        "agents/main/sessions/sessions.json",
        "moltbot.db",
        "moltbot.db-wal",
        ".env",
    ] {
        home.write(&format!(".clawdbot/{name}"), "", 0o600);
    }
    home.write(
        ".clawdbot/credentials/telegram-allowFrom.json",
        r#"{"version":1,"allowFrom":[]}"#,
        0o600,
    );
    home.write(".clawdbot/exec-approvals.json", r#"{"version":1}"#, 0o600);
    home
}

#[cfg(unix)]
#[test]
fn permissions_of_real_files_are_told() {
    let clean = full_home().audit();
    assert!(
        clean.iter().all(|one| !one.check_id.starts_with("fs.")),
        "{clean:#?}"
    );
    for (id, severity, name, bad) in file_cases() {
        let home = full_home();
        set_mode(&home.path(name), bad);
        let findings = home.audit();
        let told: Vec<&Finding> = findings
            .iter()
            .filter(|one| one.check_id.starts_with("fs."))
            .collect();
        assert_eq!(told.len(), 1, "{id}: {told:#?}");
        assert_eq!(
            (told[0].check_id.as_str(), told[0].severity),
            (id, severity)
        );
        let fix = told[0].remediation.as_deref().unwrap();
        assert!(fix.starts_with("chmod ") && fix.ends_with(name), "{fix}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_told_and_left_alone() {
    let home = full_home();
    let state = home.path(".clawdbot");
    let real = home.path("elsewhere");
    fs::rename(&state, &real).unwrap();
    std::os::unix::fs::symlink(&real, &state).unwrap();
    fs::rename(real.join("moltbot.json"), real.join("real.json")).unwrap();
    std::os::unix::fs::symlink(real.join("real.json"), real.join("moltbot.json")).unwrap();
    set_mode(&real, 0o750);
    set_mode(&real.join("real.json"), 0o644);
    let findings = home.audit();
    for id in [
        "fs.state_dir.symlink",
        "fs.config.symlink",
        "fs.state_dir.perms_readable",
    ] {
        assert!(found(&findings, id, Severity::Warn), "{id}: {findings:#?}");
    }
    let fixed = fix(&home.environment, &home.snapshot());
    let skipped = |name: &str| {
        let at = home.path(name);
        fixed
            .actions
            .iter()
            .find(|action| action.path == at)
            .unwrap()
            .skipped
    };
    assert_eq!(skipped(".clawdbot"), Some("symlink"));
    assert_eq!(skipped(".clawdbot/moltbot.json"), Some("symlink"));
    assert_eq!((mode(&real), mode(&real.join("real.json"))), (0o750, 0o644));
}

/// What other than the configuration and permissions trips: an id, and a home that does.
fn other_cases() -> Vec<(&'static str, Severity, Facts)> {
    let facts = |config: &str| Home::new(config).facts();
    let mut synced = facts("{}");
    synced.places[0] = PathBuf::from("/home/me/Dropbox/clawdbot");
    let extended = |config: &str| {
        let home = Home::new(config);
        home.write(".clawdbot/extensions/foreign/index.js", "", 0o600);
        home.facts()
    };
    let mut unconfined = facts("{ agents: { defaults: { sandbox: { mode: 'all' } } } }");
    unconfined.sandbox = SandboxFacts::Absent("nothing here".to_owned());
    let approved = |text: &str| {
        let home = Home::new("{}");
        home.write(".clawdbot/exec-approvals.json", text, 0o600);
        home.facts()
    };
    vec![
        ("summary.attack_surface", Severity::Info, facts("{}")),
        ("fs.synced_dir", Severity::Warn, synced),
        (
            "plugins.extensions_no_allowlist",
            Severity::Warn,
            extended("{}"),
        ),
        (
            "plugins.extensions_no_allowlist",
            Severity::Critical,
            extended("{ channels: { telegram: {} } }"),
        ),
        ("sandbox.weaker_than_asked", Severity::Warn, unconfined),
        ("exec.approvals_unusable", Severity::Warn, approved("{")),
        (
            "exec.approvals_can_do_anything",
            Severity::Warn,
            approved(
                r#"{"version":1,"agents":{"*":{"allowlist":[{"pattern":"/usr/bin/python3"}]}}}"#,
            ),
        ),
        (
            "exec.full_without_asking",
            Severity::Critical,
            approved(r#"{"version":1,"defaults":{"security":"full","ask":"off"}}"#),
        ),
    ]
}

#[test]
fn what_lies_around_is_told() {
    for (id, severity, facts) in other_cases() {
        let findings = audit(&facts);
        assert!(found(&findings, id, severity), "{id}: {findings:#?}");
    }
    let home = Home::new(
        "{ agents: { defaults: { sandbox: { mode: 'all' } } }, plugins: { allow: ['foreign'] } }",
    );
    home.write(".clawdbot/extensions/foreign/index.js", "", 0o600);
    let approvals = r#"{"version":1,"defaults":{"security":"allowlist"},"agents":{"*":{"allowlist":[{"pattern":"/usr/bin/uptime"},{"pattern":"python3"}]}}}"#;
    home.write(".clawdbot/exec-approvals.json", approvals, 0o600);
    let mut facts = home.facts();
    facts.sandbox = SandboxFacts::Present;
    let findings = audit(&facts);
    assert_eq!(findings.len(), 1, "{findings:#?}");
}

#[test]
fn secrets_in_files_are_found() {
    let home = Home::new("{}");
    home.write("clawd/notes/keys.md", "mine is hunter2hunter2!", 0o600);
    home.write("clawd/notes/clean.md", "nothing", 0o600);
    home.write("clawd/.git/config", "hunter2hunter2", 0o600);
    let secrets = Secrets::new([(
        "gateway.auth.password".to_owned(),
        "hunter2hunter2".to_owned(),
    )]);
    let searched = search_for_secrets(&secrets, &[home.path("clawd"), home.path("nowhere")]);
    assert_eq!((searched.files, searched.truncated), (2, false));
    let keys = home.path("clawd/notes/keys.md");
    assert_eq!(searched.found, [(keys, "gateway.auth.password".to_owned())]);
    let finding = searched.finding().unwrap();
    assert_eq!(finding.check_id, "secrets.in_files");
    assert!(!finding.detail.contains("hunter2"), "{}", finding.detail);
    assert!(
        search_for_secrets(&secrets, &[home.path("clawd/notes/clean.md")])
            .finding()
            .is_none()
    );
}

#[cfg(unix)]
#[test]
fn every_check_is_tripped_by_a_test() {
    let of_config = cases().into_iter().map(|(id, severity, ..)| (id, severity));
    let of_files = file_cases()
        .into_iter()
        .map(|(id, severity, ..)| (id, severity));
    let of_others = other_cases()
        .into_iter()
        .map(|(id, severity, _)| (id, severity));
    let elsewhere = [
        ("fs.state_dir.symlink", Severity::Warn),
        ("fs.config.symlink", Severity::Warn),
        ("secrets.in_files", Severity::Warn),
    ];
    let tripped: Vec<(&str, Severity)> = of_config
        .chain(of_files)
        .chain(of_others)
        .chain(elsewhere)
        .collect();
    for check in CHECKS {
        for severity in check.severities {
            let is_tripped = tripped
                .iter()
                .any(|(id, tripped)| check.is_named(id) && tripped == severity);
            assert!(is_tripped, "nothing trips {} as {severity:?}", check.id);
        }
    }
    for (id, severity) in tripped {
        let is_listed = CHECKS
            .iter()
            .any(|check| check.is_named(id) && check.severities.contains(&severity));
        assert!(is_listed, "{id} ({severity:?}) is not in the table");
    }
}

#[test]
fn own_checks_are_documented() {
    let guide = include_str!("../../../../docs/audit.md");
    for check in CHECKS.iter().filter(|check| !check.is_original) {
        assert!(
            guide.contains(&format!("`{}`", check.id)),
            "{} is not in docs/audit.md",
            check.id
        );
    }
}

#[test]
fn no_finding_shows_a_secret() {
    let home = Home::new(
        "{ gateway: { auth: { password: 'hunter2hunter2' } }, hooks: { enabled: true, token: 'hunter3' }, channels: { telegram: { botToken: '123456789:AAF-x_yzabcdefgh' } } }",
    );
    let shown = serde_json::to_string(&home.audit()).unwrap();
    for secret in ["hunter2", "hunter3", "AAF-x"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("channels.telegram.botToken"));
}

const OPEN: &str = "// Mine.
{
  logging: { redactSensitive: 'off' }, // for a while
  channels: {
    telegram: {
      // Everybody!
      groupPolicy: 'open',
      accounts: { work: { groupPolicy: 'open' }, home: {} },
      dmPolicy: 'open', allowFrom: ['*'],
    },
    whatsapp: { groupPolicy: 'open' },
  },
}
";

#[cfg(unix)]
#[test]
fn what_can_be_put_right_is_with_the_owners_comments() {
    let home = Home::new(OPEN);
    home.write(
        ".clawdbot/credentials/whatsapp-allowFrom.json",
        r#"{"version":1,"allowFrom":["+15550001"]}"#,
        0o644,
    );
    home.write(".clawdbot/moltbot.db", "", 0o644);
    set_mode(&home.path(".clawdbot/credentials"), 0o755);
    set_mode(&home.path(".clawdbot/moltbot.json"), 0o644);
    set_mode(&home.path(".clawdbot"), 0o755);
    let fixed = fix(&home.environment, &home.snapshot());
    assert!(fixed.ok && fixed.config_written, "{fixed:#?}");
    assert_eq!(
        fixed.changes,
        [
            "logging.redactSensitive=off -> \"tools\"",
            "channels.telegram.groupPolicy=open -> allowlist",
            "channels.telegram.accounts.work.groupPolicy=open -> allowlist",
            "channels.whatsapp.groupPolicy=open -> allowlist",
            "channels.whatsapp.groupAllowFrom=pairing-store",
        ]
    );
    let config = home.path(".clawdbot/moltbot.json");
    let text = fs::read_to_string(&config).unwrap();
    for kept in [
        "// Mine.",
        "// for a while",
        "// Everybody!",
        "dmPolicy: 'open'",
    ] {
        assert!(text.contains(kept), "{kept} is lost: {text}");
    }
    assert!(!text.contains("groupPolicy: 'open'"), "{text}");
    assert_eq!(
        fs::read_to_string(home.path(".clawdbot/moltbot.json.bak")).unwrap(),
        OPEN
    );
    let value = home.snapshot().value;
    assert_eq!(
        value["channels"]["whatsapp"]["groupAllowFrom"],
        json!(["+15550001"])
    );
    for (name, wanted) in [
        (".clawdbot", 0o700),
        (".clawdbot/moltbot.json", 0o600),
        (".clawdbot/credentials", 0o700),
        (".clawdbot/credentials/whatsapp-allowFrom.json", 0o600),
        (".clawdbot/moltbot.db", 0o600),
    ] {
        assert_eq!(mode(&home.path(name)), wanted, "{name}");
    }
    let left = home.audit();
    assert!(
        left.iter().all(|one| !one.check_id.starts_with("fs.")),
        "{left:#?}"
    );
    assert!(found(
        &left,
        "channels.telegram.dm.open",
        Severity::Critical
    ));

    // Once more there is nothing to do.
    let again = fix(&home.environment, &home.snapshot());
    assert!(again.ok && !again.config_written && again.changes.is_empty());
    assert!(
        again.actions.iter().all(|action| action.skipped.is_some()),
        "{again:#?}"
    );
}

#[test]
fn an_open_group_of_an_included_file_is_left_to_the_owner() {
    let home = Home::new("{ channels: { $include: '../more.json' } }");
    home.write("more.json", "{ telegram: { groupPolicy: 'open' } }", 0o600);
    let fixed = fix(&home.environment, &home.snapshot());
    assert!(!fixed.ok && !fixed.config_written, "{fixed:#?}");
    assert_eq!(
        fixed.errors,
        ["channels.telegram.groupPolicy stands in an included file: change it there."]
    );
}
