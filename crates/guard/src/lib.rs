//! Who may do what: who may talk with an agent, and what an agent may do. Safety does not depend on the model here:
//! whatever a conversation has read, the model is taken to do what it says.
//!
//! ```text
//! what was said and read ──▶ Evidence (label, whose words, who holds which value)
//!                                │
//! tool call ──▶ Plan ────────────┴──▶ decide ──▶ Decision (allow, ask, refuse; the rule; the reason)
//!               (effect, targets, content)  └─ RULES, a table
//! ```
//!
//! No clock and no model in a decision: the same call in the same conversation is always decided the same way. What it
//! rests on beside is in modules of its own: [`access`] before a conversation, [`shell`] for what a command starts,
//! [`sandbox`] for what it may do then, [`secrets`] for what nobody is shown.

pub mod access;
mod amount;
pub mod audit;
pub mod container;
mod dates;
mod decide;
mod effect;
mod evidence;
pub mod invisible;
mod item;
mod label;
mod naming;
mod order;
mod plan;
mod pointers;
mod rules;
pub mod sandbox;
pub mod secrets;
pub mod shell;
mod words;

pub use decide::{Decision, decide};
pub use effect::{Effect, Manner};
pub use evidence::{Evidence, Grade, Wording};
pub use item::Item;
pub use label::{Label, Visibility, is_foreign, less_trusted};
pub use plan::{Plan, Target, TargetKind};
pub use pointers::urls_in;
pub use rules::{Preset, RULES, Rule, Verdict};
