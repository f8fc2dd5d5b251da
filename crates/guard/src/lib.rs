//! Decides about tool calls. Safety does not depend on the model here: whatever a conversation has read, the model is
//! taken to do what it says.
//!
//! ```text
//! what was said and read ──▶ Evidence (label, whose words, who holds which value)
//!                                │
//! tool call ──▶ Plan ────────────┴──▶ decide ──▶ Decision (allow, ask, refuse; the rule; the reason)
//!               (effect, targets, content)  └─ RULES, a table
//! ```
//!
//! No I/O, no clock, no model: the same call in the same conversation is always decided the same way.

mod amount;
mod command;
mod decide;
mod effect;
mod evidence;
mod label;
mod plan;
mod pointers;
mod rules;
mod words;

pub use decide::{Decision, decide};
pub use effect::{Effect, Manner};
pub use evidence::{Evidence, Grade, Item, Wording};
pub use label::{Label, Visibility, less_trusted};
pub use plan::{Plan, Target, TargetKind};
pub use rules::{Preset, RULES, Rule, Verdict};
