//! `moltbot secrets`: what `${keyring:NAME}` stands for.

use std::io::{self, IsTerminal, Read as _};
use std::pin::pin;

use moltbot_config::{Keyring, KeyringError, KeyringName};
use tokio::task::{JoinError, spawn_blocking};

use crate::app;
use crate::args::{Globals, SecretsCommand};
use crate::chat::modes::SavedModes;
use crate::exit::Exit;
use crate::interrupt::{hear_orders, interrupt};
use crate::output;

/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Runs a `secrets` command.
pub(crate) async fn run(globals: &Globals, command: SecretsCommand) -> Result<(), Exit> {
    let environment = app::environment(globals)?;
    let keyring = Keyring::new(&environment);
    let failed = |error: KeyringError| Exit::failed(format!("Nothing was changed: {error}."));
    match command {
        SecretsCommand::Set { name } => {
            let name = named(&name)?;
            let value = given(&name).await?;
            keyring.set(&name, &value).map_err(failed)?;
            output::note("Stored. In the configuration, write:");
            output::line(format_args!("${{keyring:{name}}}"))
        }
        SecretsCommand::Remove { name } => {
            let name = named(&name)?;
            keyring.remove(&name).map_err(failed)?;
            output::line(format_args!("Removed {name}."))
        }
    }
}

fn named(name: &str) -> Result<KeyringName, Exit> {
    name.parse()
        .map_err(|error| Exit::failed(format!("{error}.")))
}

/// The secret: all of standard input, or a line typed unseen; without its last newline.
async fn given(name: &KeyringName) -> Result<String, Exit> {
    let lost = |_: JoinError| Exit::failed("Standard input could not be read.");
    let unread = |error| Exit::failed(format!("Standard input could not be read: {error}."));
    let text = if io::stdin().is_terminal() {
        hear_orders();
        // Ctrl-C is heard from before anything is hidden: whoever it ends leaves the terminal as it is then.
        let mut interrupted = pin!(interrupt());
        tokio::select! {
            biased;
            () = &mut interrupted => return Err(Exit::silent(INTERRUPTED)),
            () = std::future::ready(()) => {}
        }
        let modes = SavedModes::save();
        let hidden = modes.as_ref().map(SavedModes::hide_input);
        if !matches!(hidden, Some(Ok(()))) {
            return Err(Exit::failed(
                "This terminal shows what is typed; give the secret on standard input instead.",
            ));
        }
        output::note(format_args!("Type the secret {name} (it is not shown):"));
        let line = spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        });
        let line = tokio::select! {
            line = line => line.map_err(lost)?.map_err(unread)?,
            () = &mut interrupted => return Err(Exit::silent(INTERRUPTED)),
        };
        // The terminal is as it was before anything else is said.
        drop(modes);
        line
    } else {
        let all = spawn_blocking(|| {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        });
        all.await.map_err(lost)?.map_err(unread)?
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
