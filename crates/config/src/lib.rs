//! What the owner asked for: schema, load, validate, edit.
//!
//! The configuration is one JSON5 file, by default `~/.clawdbot/moltbot.json`, which may include others and use
//! environment variables. [`load`] finds and reads it and either returns a [`Snapshot`] or a [`LoadError`] that names
//! everything that is wrong, each with file, line and column. [`edit`] changes single keys in the owner's text and
//! leaves the rest of it alone.
//!
//! The order of loading:
//! 1. the `.env` file of the state directory fills variables that are unset, then that of the working directory keys;
//! 2. the config file is found ([`Paths`]) and parsed ([`spanned`]), and `$include` puts other files in place;
//! 3. the config's `env` block fills variables, and `${VAR}` and references to secrets in strings are replaced;
//! 4. keys of older versions, the JSON Schema ([`validate`]) and the rules between keys are checked, all of them,
//!    before anything is reported;
//! 5. `~` is written out in paths, and the login shell is asked for keys where the owner wants that.
//!
//! Nothing here reads the process environment except [`Environment::from_process`].

mod agent_id;
mod child;
mod crosscheck;
mod dotenv;
pub mod edit;
mod env_block;
mod environment;
mod include;
mod issue;
mod json_schema;
mod key_path;
mod legacy;
mod load;
mod login_shell;
mod nearest;
mod paths;
mod pattern;
mod profile;
mod references;
mod rewrite;
pub mod schema;
pub mod spanned;
mod substitute;
mod syntax_error;
mod template;
pub mod validate;
pub mod write;

pub use agent_id::{MAIN_AGENT, normalize_agent_id};
pub use edit::EditError;
pub use environment::Environment;
pub use issue::Issue;
pub use json_schema::json_schema;
pub use key_path::{KeyPath, PathError, Segment};
pub use load::{LoadError, Snapshot, hash, load, load_text, load_with};
pub use login_shell::EXPECTED_KEYS;
pub use nearest::nearest;
pub use paths::Paths;
pub use profile::{Profile, ProfileError};
pub use references::{
    Keyring, KeyringError, KeyringName, NoKeyringName, References, SecretReference, SecretSource,
};
pub use schema::Config;
pub use write::{WriteError, make_private_directory, replace_private};
