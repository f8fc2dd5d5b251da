//! `hooks`: runs started by other programs over HTTP.

use super::facts::Facts;
use super::finding::Finding;
use super::gateway::{TOKEN_LENGTH, token};

/// Who can start runs.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(hooks) = facts
        .config
        .hooks
        .as_ref()
        .filter(|hooks| hooks.enabled == Some(true))
    else {
        return found;
    };
    let own = hooks.token.as_deref().unwrap_or_default().trim();
    let length = own.chars().count();
    if length > 0 && length < TOKEN_LENGTH && !facts.references.contains(own) {
        let finding = Finding::warn(
            "hooks.token_too_short",
            "The token of hooks is short",
            format!("hooks.token has {length} characters, fewer than {TOKEN_LENGTH}."),
        );
        found.push(finding.fix("set a long random one, such as of: openssl rand -hex 24"));
    }
    if !own.is_empty() && token(facts).as_deref().map(str::trim) == Some(own) {
        let finding = Finding::warn(
            "hooks.token_reuse_gateway_token",
            "Hooks and the gateway share a token",
            "hooks.token is the gateway's: whoever may start a run may do everything.",
        );
        found.push(finding.fix("give hooks a token of their own"));
    }
    if hooks.path.as_deref().map(str::trim) == Some("/") {
        let finding = Finding::critical(
            "hooks.path_root",
            "Hooks take requests on every path",
            "hooks.path is \"/\".",
        );
        found.push(finding.fix("use a path of its own, such as \"/hooks\""));
    }
    found
}
