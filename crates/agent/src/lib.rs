//! One turn of an agent: the prompt, the model ladder, the tools, and the journal of what was said and done.
//!
//! ```text
//! message ──▶ Agent::turn ──▶ history (from the store) ──▶ prompt ──▶ ladder ──▶ answer (into the store)
//!                                                             ▲          │
//!                                                             └─ tools ◀─┘ gate
//! ```
//!
//! A turn is journaled as it goes: the person's message is on disk before a model is asked, the answer before it is
//! handed back. A turn whose process dies is found and marked by the next one.

mod agent;
mod agents;
mod approvals;
mod arguments;
mod aside;
mod calls;
mod clock;
mod commands;
mod compact;
mod context;
mod disclosure;
mod discretion;
mod draft;
mod elevated;
mod evidence;
mod explain;
mod extract;
mod flush;
mod gate;
mod history;
mod image_models;
mod inbox;
mod limits;
mod outlet;
mod policy;
mod progress;
mod prompt;
mod records;
mod repetition;
mod reply;
mod room;
mod run;
mod sandbox;
mod session_key;
mod shown_path;
mod skills;
mod stamp;
mod tool;
mod tool_command;
mod toolbox;
mod turn;
mod workspace;

pub use agent::{Agent, AgentSettings, ChoiceError, session_places};
pub use agents::{
    Agents, Cleanup, MakeAgent, Sent, SpawnError, SpawnRequest, Spawned, Stopped, SubagentRules,
};
pub use approvals::{AnswerError, ApprovalBook, Asked};
pub use commands::{
    Command, CommandError, Conversation, Directives, Names, Next, Parsed, Peer, ReasoningLevel,
    Taken, UsageFooter, VerboseLevel, command_names, compacted, parse, place_list, short_tokens,
    stopped,
};
pub use compact::CompactReport;
pub use context::{ContextSettings, FlushSettings, TooLong};
pub use elevated::{ElevatedLevel, ElevatedOrder, ElevatedSettings, Elevation};
pub use explain::{ExplainError, Explanation};
pub use extract::{Extract, QuarantinedReader};
pub use gate::{Approver, Gate, Question, Verdict};
pub use history::{HistoryError, UnansweredMessage, transcript};
pub use image_models::{ImageModelError, ImageModels};
pub use inbox::Inbox;
pub use limits::Limits;
pub use moltbot_guard::{Effect, Item, Manner, Plan, Preset, Target, TargetKind};
pub use moltbot_store::ApprovalAnswer;
pub use outlet::{DeliveryError, OutgoingMessage, Outlet, OutletAction, Receipt};
pub use policy::{
    AllowedTools, GroupRules, Removal, SandboxTools, ToolPolicies, ToolPolicyScope, matches_name,
};
pub use progress::{Progress, ProgressSink};
pub use prompt::{
    HiddenToolCost, LastTurn, PromptProfile, PromptReport, PromptSettings, SectionCost, ToolCost,
};
pub use records::StoredRecords;
pub use reply::{AlreadySaid, Media, Occasion, ReplyFilter, ReplyText, ReplyTo};
pub use sandbox::{
    ConfinedCommand, ContainerSettings, NotSandboxed, SandboxContainer, SandboxSettings, Sandboxed,
};
pub use session_key::SessionKey;
pub use skills::{
    Skill, SkillCommand, SkillOrigin, SkillSettings, Skills, UnusedSkill, skill_commands,
};
pub use stamp::Stamp;
pub use tool::{Arguments, ModelSpending, Scene, Tool, ToolError, ToolOutput, read_arguments};
pub use tool_command::{ToolCommand, ToolCommandReport};
pub use toolbox::Toolbox;
pub use turn::{TurnError, TurnReport, TurnRequest};
pub use workspace::WorkspaceError;
