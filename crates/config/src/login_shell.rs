//! Keys that only the login shell knows, because they are set in its profile and this program was started by a
//! service manager or a desktop.

use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::environment::Environment;
use crate::spanned::{Content, Node};

/// The variables that are looked for. When one of them is set already, the shell is not asked.
pub const EXPECTED_KEYS: [&str; 16] = [
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_OAUTH_TOKEN",
    "GEMINI_API_KEY",
    "ZAI_API_KEY",
    "OPENROUTER_API_KEY",
    "AI_GATEWAY_API_KEY",
    "MINIMAX_API_KEY",
    "SYNTHETIC_API_KEY",
    "ELEVENLABS_API_KEY",
    "TELEGRAM_BOT_TOKEN",
    "DISCORD_BOT_TOKEN",
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "CLAWDBOT_GATEWAY_TOKEN",
    "CLAWDBOT_GATEWAY_PASSWORD",
];

/// How long the shell may take unless the owner says otherwise, in milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 15_000;

/// The most that is read from the shell, in bytes.
const MOST_OUTPUT: u64 = 2 * 1024 * 1024;

/// Asks the login shell for missing keys, where `env.shellEnv.enabled` or `CLAWDBOT_LOAD_SHELL_ENV` asks for it.
/// What goes wrong is told in `warnings`; the configuration stands without it.
pub(crate) fn import(root: &Node, environment: &mut Environment, warnings: &mut Vec<String>) {
    let settings = root.at(&["env", "shellEnv"]);
    let enabled = environment.is_on("LOAD_SHELL_ENV")
        || settings
            .and_then(|settings| settings.get("enabled"))
            .and_then(Node::as_bool)
            == Some(true);
    let deferred = environment.is_on("DEFER_SHELL_ENV_FALLBACK");
    let has_one = EXPECTED_KEYS
        .iter()
        .any(|key| environment.get(key).is_some());
    if !enabled || deferred || has_one {
        return;
    }
    let from_config = settings
        .and_then(|settings| settings.get("timeoutMs"))
        .and_then(|node| match &node.content {
            Content::Number(number) => number.as_u64(),
            _ => None,
        });
    let timeout_ms = from_config
        .or_else(|| {
            environment
                .setting("SHELL_ENV_TIMEOUT_MS")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(DEFAULT_TIMEOUT_MS);
    let shell = environment
        .get("SHELL")
        .unwrap_or("/bin/sh")
        .trim()
        .to_owned();
    match ask(&shell, environment, Duration::from_millis(timeout_ms)) {
        Ok(output) => fill(&output, environment),
        Err(reason) => warnings.push(format!(
            "env.shellEnv: no variables were read from the login shell {shell}: {reason}."
        )),
    }
}

/// Fills the expected keys from the output of `env -0`.
fn fill(output: &[u8], environment: &mut Environment) {
    for entry in output.split(|byte| *byte == 0) {
        let entry = String::from_utf8_lossy(entry);
        // What a profile prints stands in front of the first variable, in lines of its own.
        let entry = entry.trim_start();
        if let Some((name, value)) = entry.split_once('=') {
            let name = name.rsplit('\n').next().unwrap_or(name);
            if EXPECTED_KEYS.contains(&name) || name == "Z_AI_API_KEY" {
                environment.fill(name, value);
            }
        }
    }
    environment.copy_old_names();
}

/// Runs `env -0` in a login shell and returns what it printed.
fn ask(shell: &str, environment: &Environment, timeout: Duration) -> Result<Vec<u8>, String> {
    let mut command = Command::new(shell);
    command
        .args(["-l", "-c", "env -0"])
        .env_clear()
        .envs(&environment.vars)
        .current_dir(&environment.home);
    let ended =
        child::run(&mut command, &[], timeout, MOST_OUTPUT).map_err(|error| error.to_string())?;
    match ended.status.success() {
        true => Ok(ended.output),
        false => Err(format!("it ended with {}", ended.status)),
    }
}
