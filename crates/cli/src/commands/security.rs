//! `moltbot security audit`: what makes it easier to be harmed, and what to do about it.

mod facts;
mod show;

use chrono::Utc;
use moltbot_guard::audit::{Searched, Summary, audit, fix, search_for_secrets};
use serde_json::{Value, json};

pub(crate) use self::facts::facts;
use crate::app::{self, App};
use crate::args::{Globals, SecurityAuditArgs, SecurityCommand};
use crate::exit::Exit;
use crate::output;

/// Why no gateway is asked.
const NO_GATEWAY: &str = "this version has no gateway";

/// Runs a `security` command.
pub(crate) fn run(globals: &Globals, command: SecurityCommand) -> Result<(), Exit> {
    match command {
        SecurityCommand::Audit(args) => run_audit(globals, &args),
    }
}

/// Looks, and with `--fix` puts right first. What is found is no failure of its own, so the exit code is 0; it is 1 where
/// the configuration cannot be used, or something could not be put right.
fn run_audit(globals: &Globals, args: &SecurityAuditArgs) -> Result<(), Exit> {
    let mut app = App::load_as_written(globals)?;
    let fixed = match args.fix {
        true => {
            let fixed = fix(&app::environment(globals)?, &app.snapshot);
            app = App::load_as_written(globals)?;
            Some(fixed)
        }
        false => None,
    };
    let mut findings = audit(&facts(&app)?);
    let searched = args.deep.then(|| search(&app));
    findings.extend(searched.as_ref().and_then(Searched::finding));
    let failed = fixed.as_ref().is_some_and(|fixed| !fixed.ok);
    if args.json {
        let mut report = json!({
            "ts": Utc::now().timestamp_millis(),
            "summary": Summary::of(&findings),
            "findings": findings,
        });
        if let Some(searched) = &searched {
            report["deep"] = deep(searched);
        }
        match &fixed {
            Some(fixed) => output::json(&json!({ "fix": fixed, "report": report }))?,
            None => output::json(&report)?,
        }
    } else {
        if let Some(fixed) = &fixed {
            show::fixed(fixed)?;
        }
        show::report(&findings, searched.as_ref())?;
    }
    match failed {
        true => Err(Exit::silent(1)),
        false => Ok(()),
    }
}

fn deep(searched: &Searched) -> Value {
    json!({
        "gateway": { "attempted": false, "url": null, "ok": false, "error": NO_GATEWAY, "close": null },
        "secrets": searched,
    })
}

/// Looks for the secrets of the configuration, the environment and the auth profiles in workspaces and logs; not for those
/// behind commands and keyrings, which are not asked.
fn search(app: &App) -> Searched {
    let snapshot = &app.snapshot;
    let secrets = app::secrets(snapshot);
    let mut folders = vec![app.paths().logs_dir.clone()];
    folders.extend(
        app::agent_ids(snapshot)
            .iter()
            .map(|id| snapshot.workspace(id)),
    );
    folders.sort();
    folders.dedup();
    search_for_secrets(&secrets, &folders)
}
