//! `gateway` and `logging`: who can reach the server, and what it writes down.

use moltbot_config::schema::{
    Gateway, GatewayAuthMode, GatewayBind, GatewayMode, RedactSensitive, TailscaleMode,
};

use super::facts::Facts;
use super::finding::Finding;

/// Shorter ones can be guessed.
pub(super) const TOKEN_LENGTH: usize = 24;

/// What those who connect must know, as far as it is configured.
struct Auth {
    token: Option<String>,
    password: Option<String>,
    by_tailscale: bool,
}

impl Auth {
    fn of(gateway: &Gateway, facts: &Facts) -> Self {
        let auth = gateway.auth.clone().unwrap_or_default();
        let secret = |own: Option<String>, name: &str| {
            let from_environment = || facts.environment.setting(name).map(str::to_owned);
            own.filter(|text| !text.trim().is_empty())
                .or_else(from_environment)
        };
        let token = secret(auth.token, "GATEWAY_TOKEN");
        let password = secret(auth.password, "GATEWAY_PASSWORD");
        let mode = auth.mode.unwrap_or(match password {
            Some(_) => GatewayAuthMode::Password,
            None => GatewayAuthMode::Token,
        });
        let is_served = tailscale(gateway) == TailscaleMode::Serve;
        Self {
            by_tailscale: auth
                .allow_tailscale
                .unwrap_or(is_served && mode != GatewayAuthMode::Password),
            token: token.filter(|_| mode == GatewayAuthMode::Token),
            password: password.filter(|_| mode == GatewayAuthMode::Password),
        }
    }

    fn has_secret(&self) -> bool {
        self.token.is_some() || self.password.is_some()
    }
}

fn tailscale(gateway: &Gateway) -> TailscaleMode {
    let mode = gateway
        .tailscale
        .as_ref()
        .and_then(|tailscale| tailscale.mode);
    mode.unwrap_or(TailscaleMode::Off)
}

/// The token that the gateway takes, for comparing.
pub(super) fn token(facts: &Facts) -> Option<String> {
    let gateway = facts.config.gateway.clone().unwrap_or_default();
    Auth::of(&gateway, facts).token
}

/// Who can reach the server.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(gateway) = &facts.config.gateway
        && gateway.mode != Some(GatewayMode::Remote)
    {
        found.extend(reach(gateway, facts));
        found.extend(page(gateway));
    }
    if facts.config.logging().redact_sensitive() == RedactSensitive::Off {
        let finding = Finding::warn(
            "logging.redact_off",
            "Secrets are not masked in logs",
            "logging.redactSensitive is off: what tools print goes to the log with its keys.",
        );
        found.push(finding.fix("set logging.redactSensitive to \"tools\""));
    }
    found
}

fn reach(gateway: &Gateway, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let auth = Auth::of(gateway, facts);
    let bind = gateway.bind.unwrap_or(GatewayBind::Loopback);
    let has_page = gateway.control_ui.as_ref().and_then(|page| page.enabled) != Some(false);
    let is_loopback = bind == GatewayBind::Loopback;
    if !is_loopback && !auth.has_secret() {
        let finding = Finding::critical(
            "gateway.bind_no_auth",
            "The gateway listens beyond this machine without a secret",
            "gateway.bind is not loopback, and neither a token nor a password is set: whoever reaches the port commands the agents.",
        );
        found.push(finding.fix("set gateway.auth.token, or gateway.bind to \"loopback\""));
    }
    let proxies = gateway.trusted_proxies.as_deref().unwrap_or_default();
    if is_loopback && has_page && proxies.is_empty() {
        let finding = Finding::warn(
            "gateway.trusted_proxies_missing",
            "No trusted proxies are named",
            "gateway.trustedProxies is empty: behind a reverse proxy, requests from anywhere would look as if they came from this machine.",
        );
        found.push(
            finding.fix(
                "name your proxy's addresses in gateway.trustedProxies, or put none before it",
            ),
        );
    }
    if is_loopback && has_page && !auth.has_secret() && !auth.by_tailscale {
        let finding = Finding::critical(
            "gateway.loopback_no_auth",
            "The gateway asks for no secret",
            "gateway.bind is loopback and no token or password is set: a proxy, or any program on this machine, gets in.",
        );
        found.push(finding.fix("set gateway.auth.token"));
    }
    match tailscale(gateway) {
        TailscaleMode::Funnel => {
            let finding = Finding::critical(
                "gateway.tailscale_funnel",
                "The gateway is open to the internet",
                "gateway.tailscale.mode is funnel.",
            );
            found.push(finding.fix("set gateway.tailscale.mode to \"serve\" or \"off\""));
        }
        TailscaleMode::Serve => found.push(Finding::info(
            "gateway.tailscale_serve",
            "The gateway is open to your tailnet",
            "gateway.tailscale.mode is serve.",
        )),
        TailscaleMode::Off => {}
    }
    if let Some(token) = auth
        .token
        .filter(|token| token.trim().chars().count() < TOKEN_LENGTH)
        .filter(|token| !facts.references.contains(token))
    {
        let length = token.trim().chars().count();
        let finding = Finding::warn(
            "gateway.token_too_short",
            "The gateway's token is short",
            format!("it has {length} characters, fewer than {TOKEN_LENGTH}."),
        );
        found.push(finding.fix("set a long random one, such as of: openssl rand -hex 24"));
    }
    found
}

fn page(gateway: &Gateway) -> Vec<Finding> {
    let mut found = Vec::new();
    let page = gateway.control_ui.clone().unwrap_or_default();
    if page.allow_insecure_auth == Some(true) {
        let finding = Finding::critical(
            "gateway.control_ui.insecure_auth",
            "The web page takes sign-ins over unencrypted connections",
            "gateway.controlUi.allowInsecureAuth is true: the token alone is enough, and can be read on the way.",
        );
        found.push(finding.fix("turn it off; use HTTPS, or the page on this machine"));
    }
    if page.dangerously_disable_device_auth == Some(true) {
        let finding = Finding::critical(
            "gateway.control_ui.device_auth_disabled",
            "The web page does not check devices",
            "gateway.controlUi.dangerouslyDisableDeviceAuth is true: a device that nobody approved gets in.",
        );
        found.push(finding.fix("turn it off"));
    }
    found
}
