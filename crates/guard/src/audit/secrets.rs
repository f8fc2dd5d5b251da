//! Secrets that stand in the owner's file itself.

use super::facts::Facts;
use super::finding::Finding;
use crate::secrets::{Secrets, in_config};

/// The gateway's password, for which there is a check of its own.
const PASSWORD: &str = "gateway.auth.password";
/// The token of hooks, likewise.
const HOOKS_TOKEN: &str = "hooks.token";

/// Secrets that are written out where a reference could stand.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_literal = |value: &str| facts.literals.contains(value);
    let auth = facts
        .config
        .gateway
        .as_ref()
        .and_then(|gateway| gateway.auth.as_ref());
    let password = auth.and_then(|auth| auth.password.as_deref());
    if password.is_some_and(|password| !password.trim().is_empty() && is_literal(password)) {
        let finding = Finding::warn(
            "config.secrets.gateway_password_in_config",
            "The gateway's password stands in the config file",
            format!("{PASSWORD} is written out: whoever sees the file or a copy of it knows it."),
        );
        found.push(finding.fix(
            "set CLAWDBOT_GATEWAY_PASSWORD, or write a reference to where it is kept (docs/secrets.md)",
        ));
    }
    let hooks = facts
        .config
        .hooks
        .as_ref()
        .filter(|hooks| hooks.enabled == Some(true));
    let token = hooks.and_then(|hooks| hooks.token.as_deref());
    if token.is_some_and(|token| !token.trim().is_empty() && is_literal(token)) {
        found.push(Finding::info(
            "config.secrets.hooks_token_in_config",
            "The token of hooks stands in the config file",
            format!("{HOOKS_TOKEN} is written out; keep the file to yourself."),
        ));
    }
    let mut others: Vec<String> = in_config(&facts.value)
        .into_iter()
        .filter(|(key, _)| key != PASSWORD && key != HOOKS_TOKEN)
        .filter(|(key, value)| is_literal(value) && is_secret(key, value))
        .map(|(key, _)| key)
        .collect();
    others.dedup();
    if !others.is_empty() {
        let finding = Finding::info(
            "config.secrets.literal",
            "Secrets stand in the config file",
            format!(
                "written out, not by reference: {}. A copy of the file gives them away.",
                others.join(", ")
            ),
        );
        found.push(finding.fix(
            "write a reference there: ${NAME} for a variable or the state directory's .env, or ${file:…}, ${command:…}, ${keyring:…} (docs/secrets.md)",
        ));
    }
    found
}

/// Whether a value is a secret rather than a placeholder or the name of a variable.
fn is_secret(key: &str, value: &str) -> bool {
    let is_variable = value.contains('_')
        && value
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    !is_variable && !Secrets::new([(key.to_owned(), value.to_owned())]).is_empty()
}
