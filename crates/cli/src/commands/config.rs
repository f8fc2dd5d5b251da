//! `moltbot config`: reading, checking and changing the configuration.

pub(crate) mod file;

use moltbot_config::{
    Environment, KeyPath, LoadError, Snapshot, edit, hash, json_schema, load, load_text,
};
use serde_json::{Value, json};

use self::file::ConfigFile;
use crate::app;
use crate::args::{ConfigCommand, Globals};
use crate::exit::Exit;
use crate::output;

/// Runs a `config` command.
pub(crate) fn run(globals: &Globals, command: ConfigCommand) -> Result<(), Exit> {
    let environment = app::environment(globals)?;
    match command {
        ConfigCommand::Validate { json } => validate(&environment, json),
        ConfigCommand::Get { path, json } => get(&environment, &path, json),
        ConfigCommand::Set { path, value, json } => set(environment, &path, &value, json),
        ConfigCommand::Unset { path } => unset(environment, &path),
        ConfigCommand::Schema => output::json(&json_schema()),
        ConfigCommand::File => print_file(&environment),
    }
}

fn validate(environment: &Environment, json: bool) -> Result<(), Exit> {
    match load(environment) {
        Ok(snapshot) if json => output::json(&valid_json(&snapshot)),
        Ok(snapshot) => {
            let path = environment.shown(&snapshot.path);
            match snapshot.exists {
                true => output::line(format_args!("Config OK: {path}"))?,
                false => output::line(format_args!(
                    "Config OK: {path} (no file yet; everything is at its default)"
                ))?,
            }
            for text in &snapshot.warnings {
                output::line(output::styled(output::WARN, text))?;
            }
            for text in &snapshot.notices {
                output::line(output::styled(output::DIM, text))?;
            }
            Ok(())
        }
        Err(error) if json => {
            output::json(&invalid_json(&error))?;
            Err(Exit::silent(1))
        }
        Err(error) => Err(Exit::failed(format!(
            "Config invalid: {}\n{error}",
            environment.shown(error.path())
        ))),
    }
}

fn valid_json(snapshot: &Snapshot) -> Value {
    json!({
        "path": snapshot.path,
        "exists": snapshot.exists,
        "valid": true,
        "hash": snapshot.exists.then_some(&snapshot.hash),
        "issues": [],
        "warnings": snapshot.warnings,
        "notices": snapshot.notices,
    })
}

fn invalid_json(error: &LoadError) -> Value {
    let issues: Vec<Value> = error
        .issues()
        .iter()
        .map(|issue| {
            json!({
                "path": issue.path,
                "message": issue.sentence(),
                "file": issue.file,
                "line": issue.line,
                "column": issue.column,
            })
        })
        .collect();
    json!({
        "path": error.path(),
        "exists": true,
        "valid": false,
        // A file that is no text has no version that an edit could start from.
        "hash": std::fs::read_to_string(error.path()).ok().map(|text| hash(&text)),
        "issues": issues,
        "warnings": [],
        "notices": [],
    })
}

fn get(environment: &Environment, path: &str, json: bool) -> Result<(), Exit> {
    let key: KeyPath = path.parse()?;
    let snapshot = load_valid(environment)?;
    let shown = snapshot.shown_value();
    let value = edit::get(&shown, &key)
        .ok_or_else(|| Exit::failed(format!("Config path not found: {path}")))?;
    match value {
        Value::String(text) if !json => output::line(text),
        value => output::json(value),
    }
}

fn set(environment: Environment, path: &str, value: &str, strict: bool) -> Result<(), Exit> {
    let key: KeyPath = path.parse()?;
    let value = edit::parse_value(value, strict)?;
    let snapshot = load_valid(&environment)?;
    ConfigFile::new(environment, snapshot).set(&key, value)?;
    output::line(format_args!("Updated {path}."))
}

fn unset(environment: Environment, path: &str) -> Result<(), Exit> {
    let key: KeyPath = path.parse()?;
    let snapshot = load_valid(&environment)?;
    ConfigFile::new(environment, snapshot).unset(&key)?;
    output::line(format_args!("Removed {path}."))
}

/// The configuration, which must be valid to be read or changed by key.
fn load_valid(environment: &Environment) -> Result<Snapshot, Exit> {
    load(environment).map_err(|error| {
        Exit::failed(format!(
            "Config invalid at {}.\n{error}\nRun: moltbot doctor",
            environment.shown(error.path())
        ))
    })
}

/// Where the file lies does not depend on what it says, so this works with a broken one too.
fn print_file(environment: &Environment) -> Result<(), Exit> {
    match load_text(environment, "{}") {
        Ok(snapshot) => output::line(snapshot.path.display()),
        Err(error) => output::line(error.path().display()),
    }
}
