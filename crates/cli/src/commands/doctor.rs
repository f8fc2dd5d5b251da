//! `moltbot doctor`: what works, what does not, and what to do about it.
//!
//! It looks and changes nothing, and it works with a broken configuration too.

mod check;
mod config;
mod credentials;
mod engine;
mod machine;
mod models;
mod sandbox;
mod secrets;
mod security;
mod server;
mod start;
mod workspace;

use moltbot_config::{Environment, Paths, load, load_text};
use serde_json::json;

use self::check::{Check, print};
use crate::app::{self, App};
use crate::args::{DoctorArgs, Globals};
use crate::exit::Exit;
use crate::output;

/// Checks everything. What it finds is no failure of its own, so the exit code is 0.
pub(crate) async fn run(globals: &Globals, args: DoctorArgs) -> Result<(), Exit> {
    let environment = app::environment(globals)?;
    let (checks, paths) = match load(&environment) {
        Ok(snapshot) => {
            let secrets = secrets::check(snapshot, &environment);
            let app = App {
                snapshot: secrets.snapshot,
            };
            let mut checks = config::valid(&app.snapshot);
            checks.extend(secrets.checks);
            if secrets.usable {
                let installed = engine::installed(app.paths());
                checks.extend(models::check(&app, &installed).await?);
                checks.extend(credentials::check(&app, &installed)?);
            } else {
                // No server is to get a reference in place of a key.
                checks.push(models_unchecked("a secret is missing"));
            }
            checks.extend(sandbox::check(&app).await?);
            checks.extend(workspace::check(&app));
            checks.extend(security::check(&app)?);
            (checks, app.paths().clone())
        }
        Err(error) => {
            let mut checks = config::invalid(&error, &environment);
            checks.push(models_unchecked("the configuration is invalid"));
            (checks, paths_without_config(&environment))
        }
    };
    let checks: Vec<Check> = checks
        .into_iter()
        .chain(engine::check(&paths, &environment))
        .chain(machine::check(&paths, &environment))
        .collect();
    match args.json {
        true => output::json(&json!({"checks": checks})),
        false => print(&checks),
    }
}

fn models_unchecked(why: &str) -> Check {
    Check::warn("models.default", "default", format!("not checked: {why}"))
}

/// The places of this installation, which do not depend on what the config file says.
fn paths_without_config(environment: &Environment) -> Paths {
    match load_text(environment, "{}") {
        Ok(snapshot) => snapshot.paths,
        Err(_) => Paths::resolve(environment),
    }
}
