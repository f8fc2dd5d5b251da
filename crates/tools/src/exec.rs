//! `exec` and `process`: commands of a shell, waited for or followed while they go on in the background.
//!
//! ```text
//! exec ──▶ spawn ──▶ Process ◀── process (poll, write, kill …)
//!                      │  ▲
//!         reader thread│  │supervisor thread: time limit, SIGTERM, SIGKILL, end
//!                      ▼  │
//!            Output (plain text, bounded; the whole in a file)
//! ```
//!
//! A command leads a session and a process group of its own, without the terminal of this program: it can neither
//! write on the owner's screen nor ask there for a password, and everything it starts ends with it. Only what a
//! program starts in yet another session (a daemon) is beyond reach.
//!
//! Threads wait, not tasks: a command is ended for certain, whatever becomes of the runtime that it was started from.

mod elevated;
mod environment;
pub(crate) mod group;
mod input;
mod keys;
mod output;
mod plain_text;
mod process;
mod process_tool;
mod report;
mod rules;
mod settings;
mod spawn;
pub(crate) mod spill;
mod status;
mod supervisor;
mod table;
mod tool;

pub use process_tool::ProcessTool;
pub use rules::CommandRules;
pub use settings::ExecSettings;
pub use table::ProcessTable;
pub use tool::ExecTool;
