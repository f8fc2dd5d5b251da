//! `moltbot models`: which models there are, which are used, and fetching them.

mod add;
mod aliases;
mod auth;
mod cooldown;
mod fallbacks;
pub(crate) mod in_use;
mod list;
mod listed;
pub(crate) mod nearest;
mod probe;
mod pull;
pub(crate) mod recommend;
mod set;
mod status;

use moltbot_llm::Catalog;

use crate::app::{self, App};
use crate::args::{
    AliasesCommand, AuthCommand, CooldownCommand, FallbacksCommand, FormatArgs, Globals,
    ModelsArgs, ModelsCommand, OrderCommand,
};
use crate::commands::config::file::ConfigFile;
use crate::exit::Exit;
use crate::output;

/// Runs a `models` command; without one, `status`.
pub(crate) async fn run(globals: &Globals, args: ModelsArgs) -> Result<(), Exit> {
    let command = args.command.unwrap_or(ModelsCommand::Status {
        format: FormatArgs::default(),
        check: false,
    });
    match command {
        ModelsCommand::List {
            all,
            local,
            provider,
            format,
        } => {
            let (app, catalog) = read(globals, format)?;
            let filter = list::Filter {
                all,
                local,
                provider: provider.as_deref(),
            };
            list::run(&app, &catalog, &filter, format).await
        }
        ModelsCommand::Status { format, check } => {
            let (app, catalog) = read_to_use(globals, format)?;
            status::run(globals, &app, &catalog, format, check).await
        }
        ModelsCommand::Probe(args) => {
            let format = FormatArgs {
                json: args.json,
                plain: false,
            };
            let (app, catalog) = read_to_use(globals, format)?;
            probe::run(&app, &catalog, &args).await
        }
        ModelsCommand::Add(args) => {
            let (mut file, _, app) = open(globals)?;
            add::run(&app, &mut file, &args).await
        }
        ModelsCommand::Set { model } => {
            let (mut file, catalog, app) = open(globals)?;
            set::run(&app, &mut file, &catalog, &model)
        }
        ModelsCommand::Aliases { command } => match command {
            AliasesCommand::List { format } => {
                let (_, catalog) = read(globals, format)?;
                aliases::list(&catalog, format)
            }
            AliasesCommand::Add { alias, model } => {
                let (mut file, catalog, _) = open(globals)?;
                aliases::add(&mut file, &catalog, &alias, &model)
            }
            AliasesCommand::Remove { alias } => {
                let (mut file, catalog, _) = open(globals)?;
                aliases::remove(&mut file, &catalog, &alias)
            }
        },
        ModelsCommand::Fallbacks { command } => match command {
            FallbacksCommand::List { format } => {
                let (_, catalog) = read(globals, format)?;
                fallbacks::list(&catalog, format)
            }
            FallbacksCommand::Add { model } => {
                let (mut file, catalog, _) = open(globals)?;
                fallbacks::add(&mut file, &catalog, &model)
            }
            FallbacksCommand::Remove { model } => {
                let (mut file, catalog, _) = open(globals)?;
                fallbacks::remove(&mut file, &catalog, &model)
            }
            FallbacksCommand::Clear => {
                let (mut file, _, _) = open(globals)?;
                fallbacks::clear(&mut file)
            }
        },
        ModelsCommand::Cooldown { command } => match command {
            CooldownCommand::List { json } => {
                cooldown::list(&App::load_as_written(globals)?, json).await
            }
            CooldownCommand::Reset { target } => {
                let (app, catalog) = read(globals, FormatArgs::default())?;
                cooldown::reset(&app, &catalog, target.as_deref()).await
            }
        },
        ModelsCommand::Auth { command } => match command {
            AuthCommand::Reset { target } => {
                auth::reset(&App::load_as_written(globals)?, target.as_deref()).await
            }
            AuthCommand::Order { command } => match command {
                OrderCommand::Get { provider, json } => {
                    auth::order(&App::load_as_written(globals)?, &provider, json)
                }
                OrderCommand::Set { provider, profiles } => {
                    let (mut file, _, app) = open(globals)?;
                    auth::set_order(&app, &mut file, &provider, &profiles)
                }
                OrderCommand::Clear { provider } => {
                    let (mut file, _, app) = open(globals)?;
                    auth::clear_order(&app, &mut file, &provider)
                }
            },
        },
        ModelsCommand::Pull { model } => pull::run(&App::load(globals, true)?, &model).await,
        ModelsCommand::Recommend { json } => recommend::run(globals, json),
    }
}

/// What a command that prints starts from.
fn read(globals: &Globals, format: FormatArgs) -> Result<(App, Catalog), Exit> {
    check(format)?;
    with_catalog(App::load_as_written(globals)?, format)
}

/// What a command that prints and uses keys starts from.
fn read_to_use(globals: &Globals, format: FormatArgs) -> Result<(App, Catalog), Exit> {
    check(format)?;
    // Keys that nothing acts on are no matter of the models.
    with_catalog(App::load(globals, true)?, format)
}

fn check(format: FormatArgs) -> Result<(), Exit> {
    match format.json && format.plain {
        true => Err(Exit::failed("Choose either --json or --plain, not both.")),
        false => Ok(()),
    }
}

fn with_catalog(app: App, format: FormatArgs) -> Result<(App, Catalog), Exit> {
    let catalog = app.catalog()?;
    if !format.json && !format.plain {
        warn(&catalog);
    }
    Ok((app, catalog))
}

/// What a command that changes the configuration starts from.
fn open(globals: &Globals) -> Result<(ConfigFile, Catalog, App), Exit> {
    let app = App::load_as_written(globals)?;
    let catalog = app.catalog()?;
    let file = ConfigFile::new(app::environment(globals)?, app.snapshot.clone());
    Ok((file, catalog, app))
}

fn warn(catalog: &Catalog) {
    for text in catalog.warnings() {
        output::note(output::styled(output::WARN, text));
    }
}
