//! Model servers as programs of this machine: started when one of their models is first needed, stopped when they have
//! been idle, never two of one.
//!
//! ```text
//! ServedBackend ──▶ Services ──socket──▶ keeper ──▶ model server
//!  (each request)   (each process)      (one a service, a process of its own)
//! ```
//!
//! The owner of a server is its *keeper*: a process of this same binary, one for each service, that outlives whoever
//! started it. So a one-shot command leaves a loaded model behind for the next, two programs share one server, and the
//! rules of when to stop are applied in one place. Everything of a service lies in `<state>/services`:
//!
//! | file | |
//! |---|---|
//! | `<provider>.lock` | locked by the keeper as long as it lives: there is never a second one |
//! | `<provider>.sock` | where the keeper listens; an open connection is a lease, and the system closes it whenever its holder ends |
//! | `<provider>.json` | the running server: process id, its start time, and a hash of its command |
//! | `starting.lock` | held while a server with a `memory` figure loads, so that two do not count the same memory |
//!
//! A keeper that is killed leaves its server running. The next keeper takes it over by the record, or stops it where
//! the command has changed meanwhile. A server that answers without being ours is used as it is and never stopped.

mod backend;
mod client;
mod error;
mod files;
mod keeper;
mod log;
mod policy;
mod process;
mod protocol;
mod readiness;
mod record;
mod services;
mod spec;
mod state;

pub use backend::ServedBackend;
pub use client::Lease;
pub use error::ServiceError;
pub use keeper::{AvailableMemory, run as keep};
pub use readiness::Readiness;
pub use services::{Launcher, Services};
pub use spec::{Pace, Spec};
pub use state::ServiceState;
