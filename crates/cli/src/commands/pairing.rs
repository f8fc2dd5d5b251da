//! `moltbot pairing`: strangers who ask to be let in.

use chrono::{SecondsFormat, Utc};
use moltbot_guard::access::{PairingStore, id_label};
use moltbot_guard::invisible::written_out;
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{Globals, PairingCommand};
use crate::exit::Exit;
use crate::output;

/// Runs a `pairing` command.
pub(crate) fn run(globals: &Globals, command: PairingCommand) -> Result<(), Exit> {
    let app = App::load_as_written(globals)?;
    let store = PairingStore::new(&app.paths().credentials_dir);
    match command {
        PairingCommand::List { channel, json } => list(&store, &channel, json),
        PairingCommand::Approve { channel, code } => approve(&store, &channel, &code),
    }
}

fn list(store: &PairingStore, channel: &str, as_json: bool) -> Result<(), Exit> {
    let waiting = store.waiting(channel, Utc::now())?;
    if as_json {
        return output::json(&json!({ "channel": channel, "requests": waiting }));
    }
    if waiting.is_empty() {
        return output::line(format!("No pending {channel} pairing requests."));
    }
    let rows: Vec<Vec<String>> = waiting
        .into_iter()
        .map(|request| {
            let meta: Vec<String> = request
                .meta
                .iter()
                .map(|(key, value)| fact(key, value))
                .collect();
            let asked = request
                .created_at
                .to_rfc3339_opts(SecondsFormat::Secs, true);
            vec![
                request.code,
                shown(&request.id),
                shown(&meta.join(", ")),
                asked,
            ]
        })
        .collect();
    let label = id_label(channel);
    output::line(output::table(&["Code", &label, "Meta", "Requested"], &rows))
}

/// What a stranger chose, on one line.
fn shown(text: &str) -> String {
    written_out(&text.replace(['\n', '\t'], " "))
}

fn fact(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    }
}

fn approve(store: &PairingStore, channel: &str, code: &str) -> Result<(), Exit> {
    match store.approve(channel, code, Utc::now())? {
        Some(request) => output::line(format!("Approved {channel} sender {}.", shown(&request.id))),
        None => Err(Exit::failed(format!(
            "No pending pairing request found for code: {}",
            shown(code)
        ))),
    }
}
