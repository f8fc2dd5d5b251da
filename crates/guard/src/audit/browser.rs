//! `browser` and `plugins`: programs that agents would use.

use serde_json::Value;
use url::{Host, Url};

use super::facts::Facts;
use super::finding::{Finding, Severity};

/// Browsers elsewhere, and extensions of unknown origin.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, address) in addresses(facts) {
        match Url::parse(&address) {
            Ok(url) if matches!(url.scheme(), "http" | "https" | "ws" | "wss") => {
                if url.scheme() == "http" && !is_loopback(&url) {
                    let finding = Finding::warn(
                        "browser.remote_cdp_http",
                        "A browser elsewhere is controlled over an unencrypted connection",
                        format!(
                            "{key} is http: whoever is on the way controls the browser, with its sign-ins."
                        ),
                    );
                    found
                        .push(finding.fix(
                            "use https, or reach it over a private network such as a tailnet",
                        ));
                }
            }
            _ => {
                let finding = Finding::warn(
                    "browser.control_invalid_config",
                    "A browser's address cannot be used",
                    format!("{key} is not an http, https, ws or wss address."),
                );
                found.push(finding.fix(format!("correct {key}")));
            }
        }
    }
    found.extend(extensions(facts));
    found
}

/// The addresses of browsers in the configuration, each with its key.
fn addresses(facts: &Facts) -> Vec<(String, String)> {
    let Some(browser) = &facts.config.browser else {
        return Vec::new();
    };
    if browser.enabled == Some(false) {
        return Vec::new();
    }
    let shared = browser
        .cdp_url
        .iter()
        .map(|url| ("browser.cdpUrl".to_owned(), url));
    let own = browser
        .profiles
        .iter()
        .flatten()
        .filter_map(|(name, profile)| {
            Some((
                format!("browser.profiles.{name}.cdpUrl"),
                profile.cdp_url.as_ref()?,
            ))
        });
    shared
        .chain(own)
        .map(|(key, url)| (key, url.trim().to_owned()))
        .collect()
}

/// Whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn extensions(facts: &Facts) -> Option<Finding> {
    let plugins = facts.config.plugins.as_ref();
    let allowed = plugins.and_then(|plugins| plugins.allow.as_deref());
    if facts.extensions.is_empty() || !allowed.unwrap_or_default().is_empty() {
        return None;
    }
    let severity = match native_skills(&facts.value) {
        true => Severity::Critical,
        false => Severity::Warn,
    };
    let finding = Finding::warn(
        "plugins.extensions_no_allowlist",
        "Any plugin in the folder of extensions may be used",
        format!(
            "plugins.allow is empty, and there are: {}.",
            facts.extensions.join(", ")
        ),
    );
    Some(
        finding
            .at(severity)
            .fix("list the plugins that you trust in plugins.allow"),
    )
}

/// Whether a channel that is configured offers skills in its own menu.
fn native_skills(config: &Value) -> bool {
    let by_default = config.pointer("/commands/nativeSkills");
    // `auto` is on for Discord and Telegram.
    [("discord", true), ("telegram", true), ("slack", false)]
        .into_iter()
        .any(|(channel, auto)| {
            let block = config.pointer(&format!("/channels/{channel}"));
            let own = block.and_then(|block| block.pointer("/commands/nativeSkills"));
            block.is_some() && own.or(by_default).and_then(Value::as_bool).unwrap_or(auto)
        })
}
