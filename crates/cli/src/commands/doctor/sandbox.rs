//! The sandbox: whether it holds what the configuration asks for.

use moltbot_agent::SessionKey;
use moltbot_config::schema::SandboxMode;

use super::check::Check;
use crate::app::{App, agent_ids};
use crate::commands::sandbox::{told, try_out};
use crate::exit::Exit;

/// One finding for each agent with sandboxed conversations.
pub(super) async fn check(app: &App) -> Result<Vec<Check>, Exit> {
    let mut checks = Vec::new();
    for id in agent_ids(&app.snapshot) {
        let settings = app.sandbox(&id)?;
        if settings.mode == SandboxMode::Off {
            continue;
        }
        let sandbox = settings.confined(&SessionKey::main(&id).to_string());
        checks.push(match try_out(app, &sandbox).await {
            Err(reason) => Check::warn(
                "sandbox",
                &id,
                format!(
                    "{} asks for a sandbox, but {reason}: commands are refused",
                    settings.mode_key
                ),
            )
            .remedy(match &settings.container {
                Some(container) => format!(
                    "Mend what {} needs, or set sandbox.backend to kernel.",
                    container.key
                ),
                None => format!(
                    "Run moltbot on Linux 5.13 or later, or set {} to off.",
                    settings.mode_key
                ),
            }),
            Ok(trial) => {
                let broken = trial.findings.iter().filter(|finding| !finding.holds());
                let mut weaker: Vec<String> = broken.map(told).collect();
                weaker.extend(trial.enforced.weaker.iter().cloned());
                if !settings.left_aside.is_empty() {
                    weaker.push(format!("left aside: {}", settings.left_aside.join(", ")));
                }
                match weaker.is_empty() {
                    true => Check::ok(
                        "sandbox",
                        &id,
                        format!("{} hold, tried out from inside", trial.enforced.by),
                    ),
                    false => Check::warn(
                        "sandbox",
                        &id,
                        format!("weaker than asked: {}", weaker.join("; ")),
                    )
                    .remedy("moltbot sandbox explain tells all of it."),
                }
            }
        });
    }
    Ok(checks)
}
