//! Settings that trip each check, and settings that do not.

use super::*;

/// An id, how grave, a configuration that trips the check and one that is near it and does not.
pub(super) fn cases() -> Vec<Case> {
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
