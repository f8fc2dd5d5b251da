//! The `/status` card, and the line of tokens behind an answer.

use moltbot_llm::Message;
use moltbot_store::Session;

use super::context::share;
use super::levels::{ReasoningLevel, UsageFooter, VerboseLevel};
use super::obey::{CommandError, Conversation};
use crate::agent::Agent;
use crate::elevated::ElevatedLevel;
use crate::history::MESSAGE;
use crate::turn::{TurnReport, now_ms};

impl Agent {
    /// The `/status` card of a session, without what only a surface knows.
    ///
    /// # Errors
    /// The store failed.
    pub async fn status_card(&self, session: &Session) -> Result<String, CommandError> {
        self.status(&Conversation::new(session.clone())).await
    }

    /// The card. What is not known has no line.
    pub(super) async fn status(&self, conversation: &Conversation) -> Result<String, CommandError> {
        let session = &conversation.session;
        let (rungs, left_out) = match self.rungs(session, conversation.model.as_deref()) {
            Ok(rungs) => rungs,
            Err(error) => return Ok(error.to_string()),
        };
        let mut lines = vec![format!("🦞 Moltbot {}", env!("CARGO_PKG_VERSION"))];
        if let Some(first) = rungs.first() {
            let auth = match self.credentials().find(&first.reference.provider) {
                Some(credential) => format!(" · 🔑 {}", credential.source()),
                None => String::new(),
            };
            lines.push(format!(
                "🧠 Model: {} ({}){auth}",
                first.reference, first.api
            ));
            let then: Vec<String> = rungs[1..].iter().map(|m| m.reference.to_string()).collect();
            if !then.is_empty() {
                lines.push(format!("🪜 Fallbacks: {}", then.join(", ")));
            }
        }
        lines.extend(left_out.iter().map(|reason| format!("⚠️ {reason}")));
        lines.push(format!(
            "🧮 Tokens: {} in / {} out",
            short_tokens(session.input_tokens),
            short_tokens(session.output_tokens)
        ));
        if let Some(first) = rungs.first() {
            let window = first.context_window;
            let used = self.context_used(session).await?;
            lines.push(format!(
                "📚 Context: {}/{}{}",
                short_tokens(used),
                short_tokens(window),
                share(used, window)
            ));
        }
        lines.push(format!(
            "🧵 Session: {} ({}) • updated {} ago",
            session.key,
            session.session_id,
            age(now_ms() - session.updated_at)
        ));
        let thinking = conversation
            .thinking
            .unwrap_or_else(|| self.thinking(session));
        let mut runtime = format!("⚙️ Runtime: direct · Think: {thinking}");
        match self.verbose(session).unwrap_or(conversation.verbose) {
            VerboseLevel::Off => {}
            VerboseLevel::On => runtime.push_str(" · verbose"),
            VerboseLevel::Full => runtime.push_str(" · verbose full"),
        }
        match self.reasoning(session) {
            ReasoningLevel::Off => {}
            level => {
                runtime.push_str(" · Reasoning: ");
                runtime.push_str(level.as_str());
            }
        }
        match self.elevated(session) {
            ElevatedLevel::Off => {}
            ElevatedLevel::Full => runtime.push_str(" · elevated full"),
            ElevatedLevel::On | ElevatedLevel::Ask => runtime.push_str(" · elevated"),
        }
        lines.push(runtime);
        Ok(lines.join("\n"))
    }

    /// The tokens of the last prompt that a model counted, and of its answer.
    pub(super) async fn context_used(&self, session: &Session) -> Result<u64, CommandError> {
        let entries = self.store.transcript(&session.session_id).await?;
        let messages = entries.iter().rev().filter(|entry| entry.kind == MESSAGE);
        let mut totals = messages.filter_map(|entry| match serde_json::from_str(&entry.body) {
            Ok(Message::Assistant(message)) => Some(message.usage.total()),
            _ => None,
        });
        Ok(totals.find(|total| *total > 0).unwrap_or_default())
    }

    /// The line behind an answer, where the session wants one: `Usage: 1.2k in / 300 out`.
    pub fn usage_line(&self, session: &Session, report: &TurnReport) -> Option<String> {
        let footer = self.usage_footer(session);
        if footer == UsageFooter::Off {
            return None;
        }
        let usage = &report.usage;
        let read = usage.input + usage.cache_read + usage.cache_write;
        let mut line = format!(
            "Usage: {} in / {} out",
            short_tokens(read),
            short_tokens(usage.output)
        );
        if report.cost > 0.0 {
            line.push_str(" · est ");
            line.push_str(&money(report.cost));
        }
        if footer == UsageFooter::Full {
            line.push_str(" · session ");
            line.push_str(&session.key);
        }
        Some(line)
    }
}

/// A number of tokens, short: `950`, `1.2k`, `12k`, `1.2m`.
pub fn short_tokens(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..10_000 => format!("{:.1}k", count as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0}k", count as f64 / 1e3),
        _ => format!("{:.1}m", count as f64 / 1e6),
    }
}

/// US dollars: cents, or hundredths of them where it is less than one.
fn money(dollars: f64) -> String {
    match dollars < 0.01 {
        true => format!("${dollars:.4}"),
        false => format!("${dollars:.2}"),
    }
}

/// A span of time, short; nothing is ever in the future.
fn age(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (count, text) in [
            (950, "950"),
            (1_234, "1.2k"),
            (12_345, "12k"),
            (1_234_567, "1.2m"),
        ] {
            assert_eq!(short_tokens(count), text);
        }
        assert_eq!(money(0.0123), "$0.01");
        assert_eq!(money(0.001_23), "$0.0012");
        for (milliseconds, text) in [
            (-5, "0s"),
            (59_999, "59s"),
            (120_000, "2m"),
            (7_200_000, "2h"),
        ] {
            assert_eq!(age(milliseconds), text);
        }
        assert_eq!(age(200_000_000), "2d");
    }
}
