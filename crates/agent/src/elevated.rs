//! Whether the commands of a sandboxed conversation run outside of it: what the owner set, who asks, and the level that
//! holds for one turn.
//!
//! Who asks counts anew for each message: a level that one person set for a conversation is of no use to another in it,
//! nor to words that no person said. What runs then is decided on like any command outside a sandbox.

use std::collections::BTreeMap;

use moltbot_config::Snapshot;
use moltbot_config::schema::AllowList;
pub use moltbot_config::schema::ElevatedLevel;
use moltbot_guard::access::{ElevatedAccess, ElevatedAsker, FailingGate, Sender};
use moltbot_llm::{Content, Provenance};
use moltbot_store::Session;
use serde_json::Value;

use crate::agent::Agent;
use crate::agents::is_subagent_key;
use crate::commands::{Peer, elevated_level};
use crate::sandbox::Workplace;

/// The session setting that holds the level ordered for it. A reset keeps it, as the original does.
pub(crate) const ELEVATED_LEVEL: &str = "elevatedLevel";

/// What a model is told with a message whose commands run outside.
const NOTE: &str = "[moltbot] For this message, exec runs outside the sandbox.";

/// What the owner set about commands of an agent outside of their sandbox.
#[derive(Debug, Clone)]
pub struct ElevatedSettings {
    access: ElevatedAccess,
    default: ElevatedLevel,
}

impl ElevatedSettings {
    /// Reads `tools.elevated`, the agent's own, and `agents.defaults.elevatedDefault`.
    pub fn from_snapshot(snapshot: &Snapshot, agent_id: &str) -> Self {
        let default = snapshot.config.agents().defaults().elevated_default;
        Self {
            access: ElevatedAccess::from_snapshot(snapshot, agent_id),
            // Whoever sits at this machine passes every list: anything else would empty the sandbox unasked.
            default: default.unwrap_or(ElevatedLevel::Off),
        }
    }

    /// The level of a session, whoever asks: its own, else the owner's default.
    pub fn level(&self, session: Option<&Session>) -> ElevatedLevel {
        let own = session.and_then(|session| session.settings.get(ELEVATED_LEVEL));
        let own = own.and_then(Value::as_str).and_then(elevated_level);
        own.unwrap_or(self.default)
    }

    /// What stands in the way of somebody in a conversation; nothing where they may. `None` is nobody.
    pub fn failing(&self, session_key: &str, peer: Option<&Peer>) -> Vec<FailingGate> {
        if is_subagent_key(session_key) {
            return vec![FailingGate {
                gate: "session",
                key: "sub-agents stay in their sandbox".to_owned(),
            }];
        }
        let sender = peer.and_then(sender);
        self.access.failing(match (peer, &sender) {
            (Some(peer), _) if peer.channel == Peer::TERMINAL => ElevatedAsker::AtThisMachine,
            (Some(peer), Some(sender)) => ElevatedAsker::OnChannel(&peer.channel, sender),
            _ => ElevatedAsker::Nobody,
        })
    }

    /// The lists of senders by channel, of all agents.
    pub fn lists(&self) -> Option<&BTreeMap<String, AllowList>> {
        self.access.lists()
    }

    /// The lists of senders by channel, of the agent itself.
    pub fn own_lists(&self) -> Option<&BTreeMap<String, AllowList>> {
        self.access.own_lists()
    }
}

/// Who a peer is to a list; nobody where the channel told no id and no name.
fn sender(peer: &Peer) -> Option<Sender> {
    let mut names = peer.user_id.iter().chain(&peer.username);
    let first = Sender::new(names.next()?.as_str());
    Some(names.fold(first, |sender, name| sender.with_handle(name.as_str())))
}

/// Where the commands of a sandboxed conversation run in one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elevation {
    level: ElevatedLevel,
    /// What is said of a call that wants more.
    refusal: String,
}

impl Elevation {
    /// In the sandbox, because of this.
    fn refused(session_key: &str, failing: &[FailingGate]) -> Self {
        Self {
            level: ElevatedLevel::Off,
            refusal: refusal("sandboxed", session_key, failing),
        }
    }

    /// In the sandbox, where nobody has ordered anything else.
    pub(crate) fn off(session_key: &str) -> Self {
        let level = FailingGate {
            gate: "level",
            key: "/elevated on".to_owned(),
        };
        Self::refused(session_key, &[level])
    }

    /// At this level.
    pub fn at(level: ElevatedLevel, session_key: &str) -> Self {
        Self {
            level,
            ..Self::off(session_key)
        }
    }

    /// The level of one call, which may ask for the sandbox (`Some(false)`) or to leave it (`Some(true)`).
    ///
    /// # Errors
    /// It asks to leave the sandbox and may not: why, in words for the model.
    pub fn of_call(&self, wanted: Option<bool>) -> Result<ElevatedLevel, &str> {
        match (wanted, self.level) {
            (Some(true), ElevatedLevel::Off) => Err(&self.refusal),
            (Some(false), _) => Ok(ElevatedLevel::Off),
            (Some(true) | None, level) => Ok(level),
        }
    }

    /// Whether commands run outside.
    pub fn is_on(&self) -> bool {
        self.level != ElevatedLevel::Off
    }
}

/// The sentence of the original about an order that is not followed.
fn refusal(runtime: &str, session_key: &str, failing: &[FailingGate]) -> String {
    let gates: Vec<String> = failing.iter().map(FailingGate::to_string).collect();
    format!(
        "elevated is not available right now (runtime={runtime}).\nFailing gates: {}\nSee: moltbot sandbox explain --session {session_key}",
        gates.join(", ")
    )
}

/// Whose message a turn is, as far as leaving the sandbox goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ElevatedOrder<'a> {
    /// The person who says it; `None` where nobody does: then nothing leaves the sandbox.
    pub asked_by: Option<&'a Peer>,
    /// The level for this message alone.
    pub level: Option<ElevatedLevel>,
}

impl Agent {
    /// The level of a session, whoever asks: its own, else `agents.defaults.elevatedDefault`, else off.
    pub fn elevated(&self, session: &Session) -> ElevatedLevel {
        match self.sandbox_settings() {
            Some(sandbox) => sandbox.elevated.level(Some(session)),
            None => ElevatedLevel::Off,
        }
    }

    /// Why somebody may not have a session's commands run outside of its sandbox; `None` where they may.
    pub(crate) fn elevated_refusal(&self, session: &Session, peer: &Peer) -> Option<String> {
        let settings = &self.sandbox_settings()?.elevated;
        let failing = settings.failing(&session.key, Some(peer));
        let runtime = match self.sandboxed(&session.key) {
            Some(_) => "sandboxed",
            None => "direct",
        };
        (!failing.is_empty()).then(|| refusal(runtime, &session.key, &failing))
    }

    /// Where a session works while this message is answered.
    pub(crate) fn workplace_for(&self, session: &Session, order: ElevatedOrder<'_>) -> Workplace {
        let mut workplace = self.workplace(Some(session));
        if let (Some(settings), Some(sandbox)) = (self.sandbox_settings(), &mut workplace.sandbox) {
            let settings = &settings.elevated;
            let level = order.level.unwrap_or_else(|| settings.level(Some(session)));
            let failing = settings.failing(&session.key, order.asked_by);
            sandbox.elevation = match failing.is_empty() {
                true => Elevation::at(level, &session.key),
                false => Elevation::refused(&session.key, &failing),
            };
        }
        workplace
    }
}

/// What the model is told with a message that is answered there; nothing where commands run where they always do.
pub(crate) fn note(workplace: &Workplace) -> Option<Content> {
    let sandbox = workplace.sandbox.as_ref()?;
    let is_on = sandbox.elevation.is_on();
    is_on.then(|| Content::text(NOTE, Provenance::Program))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use moltbot_config::{Environment, load_text};
    use serde_json::json;

    use super::*;

    const KEY: &str = "agent:main:other";

    fn settings(config: serde_json::Value) -> ElevatedSettings {
        let snapshot = load_text(&Environment::default(), &config.to_string()).unwrap();
        ElevatedSettings::from_snapshot(&snapshot, "main")
    }

    fn telegram(user_id: Option<&str>, username: Option<&str>) -> Peer {
        Peer {
            channel: "telegram".into(),
            user_id: user_id.map(str::to_owned),
            username: username.map(str::to_owned),
            ..Peer::default()
        }
    }

    #[test]
    fn who_asks_decides() {
        let settings = settings(json!({
            "tools": {"elevated": {"allowFrom": {"telegram": [42, "@ann"], "terminal": []}}},
        }));
        let may = |key: &str, peer: Option<&Peer>| settings.failing(key, peer).is_empty();
        let terminal = Peer::at_this_machine();
        assert!(may(KEY, Some(&terminal)));
        assert!(may(KEY, Some(&telegram(Some("42"), None))));
        assert!(may(KEY, Some(&telegram(Some("7"), Some("Ann")))));
        assert!(!may(KEY, Some(&telegram(Some("7"), Some("bob")))));
        assert!(!may(KEY, Some(&telegram(None, None))));
        assert!(!may(KEY, Some(&Peer::default())));
        assert!(!may(KEY, None), "nobody has said it");
        assert!(!may("agent:main:subagent:1", Some(&terminal)));
    }

    #[test]
    fn a_call_may_stay_inside_and_never_goes_out_by_itself() {
        for level in [ElevatedLevel::On, ElevatedLevel::Ask, ElevatedLevel::Full] {
            let on = Elevation::at(level, KEY);
            assert_eq!(on.of_call(None), Ok(level));
            assert_eq!(on.of_call(Some(true)), Ok(level));
            assert_eq!(on.of_call(Some(false)), Ok(ElevatedLevel::Off));
        }
        let off = Elevation::off(KEY);
        for wanted in [None, Some(false)] {
            assert_eq!(off.of_call(wanted), Ok(ElevatedLevel::Off));
        }
        assert_eq!(
            off.of_call(Some(true)),
            Err(
                "elevated is not available right now (runtime=sandboxed).\nFailing gates: level (/elevated on)\nSee: moltbot sandbox explain --session agent:main:other"
            )
        );
    }

    #[test]
    fn nothing_leaves_the_sandbox_where_nothing_is_set() {
        assert_eq!(settings(json!({})).level(None), ElevatedLevel::Off);
        let set = settings(json!({"agents": {"defaults": {"elevatedDefault": "ask"}}}));
        assert_eq!(set.level(None), ElevatedLevel::Ask);
    }
}
