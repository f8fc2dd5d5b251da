//! Which commands the owner allowed for good, or forbade: `tools.exec.security`, `ask`, `safeBins`, and the list in
//! `exec-approvals.json`.

use std::path::{Path, PathBuf};

use moltbot_config::Environment;
use moltbot_config::schema::AgentExecTool;
use moltbot_guard::Plan;
use moltbot_guard::shell::{Allowlist, Approvals, Ask, Programs, Security, Terms, paths_to_allow};

/// What the owner said about an agent's commands, beside what is asked each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRules {
    agent_id: String,
    home: PathBuf,
    terms: Terms,
    safe_bins: Option<Vec<String>>,
}

/// What they say about one command.
#[derive(Debug, Default, PartialEq, Eq)]
struct Standing {
    listed: bool,
    programs: Vec<PathBuf>,
    forbidden: Option<String>,
}

impl CommandRules {
    /// Those of an agent, by its `tools.exec`. The list is read anew for each command.
    pub(super) fn new(exec: AgentExecTool, agent_id: &str, environment: &Environment) -> Self {
        Self {
            agent_id: agent_id.to_owned(),
            home: environment.home.clone(),
            terms: Terms::of_config(&exec),
            safe_bins: exec.safe_bins,
        }
    }

    /// The plan with what the rules say of its command, where `writable` are the folders that the agent writes in.
    pub(super) fn judge(
        &self,
        mut plan: Plan,
        command: &str,
        programs: &Programs,
        writable: &[&Path],
    ) -> Plan {
        let file = Approvals::read(&Approvals::path(&self.home));
        let standing = match file {
            Ok(file) => self.standing(&file, command, programs, writable),
            // Nothing is allowed for good by a file that cannot be read; the owner is asked, and told why.
            Err(error) => {
                tracing::warn!("{error}");
                Standing::default()
            }
        };
        plan.listed = standing.listed;
        plan.programs = standing.programs;
        plan.forbidden = standing.forbidden;
        plan
    }

    fn standing(
        &self,
        file: &Approvals,
        command: &str,
        programs: &Programs,
        writable: &[&Path],
    ) -> Standing {
        let Terms { security, ask } = file.terms(&self.agent_id).and(self.terms);
        if security == Some(Security::Deny) {
            return Standing {
                forbidden: Some(
                    "Your settings deny commands (security: deny in tools.exec or exec-approvals.json)."
                        .to_owned(),
                ),
                ..Standing::default()
            };
        }
        let patterns = file.patterns(&self.agent_id);
        // Whoever allowed nothing is asked about everything, harmless or not.
        let has_list = !patterns.is_empty() || self.safe_bins.is_some();
        let list = Allowlist::new(patterns, self.safe_bins.as_deref(), &self.home);
        let is_listed = security == Some(Security::Full)
            || (has_list && list.check(command, programs, writable).is_ok());
        if !is_listed && ask == Some(Ask::Off) && security == Some(Security::Allowlist) {
            return Standing {
                forbidden: Some(
                    "It is not on your list of commands, and you want to be asked about none (ask: off in tools.exec or exec-approvals.json)."
                        .to_owned(),
                ),
                ..Standing::default()
            };
        }
        Standing {
            listed: is_listed && ask != Some(Ask::Always),
            programs: paths_to_allow(command, programs, writable).unwrap_or_default(),
            forbidden: None,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use moltbot_config::Config;
    use moltbot_guard::Effect;
    use serde_json::{Value, json};

    use super::*;

    /// What is said of `command` with this `tools.exec` and this file, in a home with a program `bin/tool`.
    fn judged(exec: Value, file: Option<Value>, command: &str) -> Plan {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        for name in ["bin/tool", "work/own"] {
            let path = home.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        if let Some(file) = file {
            let path = Approvals::path(&home);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.to_string()).unwrap();
        }
        let config: Config = serde_json::from_value(json!({ "tools": { "exec": exec } })).unwrap();
        let environment = Environment {
            home: home.clone(),
            ..Environment::default()
        };
        let rules = CommandRules::new(config.exec("main"), "main", &environment);
        let programs = Programs::new(&home.join("bin").display().to_string(), home.join("work"));
        let plan = Plan::new(Effect::RunsCode, command);
        let mut plan = rules.judge(plan, command, &programs, &[&home.join("work")]);
        // The folder is another one each time.
        plan.programs = plan
            .programs
            .iter()
            .map(|path| path.strip_prefix(&home).unwrap().to_owned())
            .collect();
        plan
    }

    #[test]
    fn what_the_list_holds_is_allowed_and_nothing_else_is() {
        let list = json!({ "version": 1, "agents": { "main": { "allowlist": [{ "pattern": "~/bin/*" }] } } });
        let plan = judged(json!({}), Some(list.clone()), "tool x");
        assert!(plan.listed && plan.forbidden.is_none());
        for command in ["tool $(x)", "./own", "tool; ./own", "other"] {
            assert!(
                !judged(json!({}), Some(list.clone()), command).listed,
                "{command}"
            );
        }
        assert!(!judged(json!({ "ask": "always" }), Some(list), "tool x").listed);
        assert!(!judged(json!({}), None, "echo hi").listed);
        let plan = judged(json!({}), None, "tool x");
        assert!(!plan.listed && plan.forbidden.is_none());
        assert_eq!(plan.programs, [PathBuf::from("bin/tool")]);
        assert!(judged(json!({}), None, "tool > x").programs.is_empty());
    }

    #[test]
    fn the_owners_terms_forbid_and_allow() {
        assert!(
            judged(
                json!({ "security": "full", "ask": "off" }),
                None,
                "tool > x"
            )
            .listed
        );
        assert!(
            judged(json!({ "security": "deny" }), None, "tool")
                .forbidden
                .is_some()
        );
        assert!(
            judged(
                json!({ "security": "allowlist", "ask": "off" }),
                None,
                "tool"
            )
            .forbidden
            .is_some()
        );
        // The stricter of both.
        let file = json!({ "version": 1, "defaults": { "security": "deny" } });
        assert!(
            judged(json!({ "security": "full" }), Some(file), "tool")
                .forbidden
                .is_some()
        );
        // What the file says beside a list counts without `security`, too.
        let file = json!({
            "version": 1, "defaults": { "ask": "always" },
            "agents": { "main": { "allowlist": [{ "pattern": "~/bin/*" }] } },
        });
        assert!(!judged(json!({}), Some(file), "tool x").listed);
        // A file that is not understood allows nothing.
        let plan = judged(json!({}), Some(json!({ "version": 9 })), "tool");
        assert!(!plan.listed && plan.forbidden.is_none());
    }
}
