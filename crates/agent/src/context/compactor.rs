//! Shortening a conversation, one rung after another.

use moltbot_llm::{Content, Ladder, Message, Model, Provenance, Request, Usage};

use super::compaction::{Compaction, Details, Rung, Summary, least_trusted, sources};
use super::rungs::Rungs;
use super::settings::ContextSettings;
use super::trial::{Scale, Trial, head_within, text_cost};
use super::{Context, Line, digest, files, pinned};
use crate::progress::ProgressSink;
use crate::turn::now_ms;

/// The most model calls that summaries of one turn may take.
pub(crate) const MODEL_CALLS: u32 = 2;

/// The newest messages that a summary leaves as they are have no more tokens than this.
const KEEP: u64 = 20_000;

/// A summary has no more tokens than this.
const LONGEST_SUMMARY: u64 = 4000;

/// Nor less room than this: in less there is nothing to say.
const SHORTEST_SUMMARY: u64 = 64;

/// Standing instructions have no more characters than this.
const PINNED: usize = 2000;

/// Shortens the conversation of one turn.
pub(crate) struct Compactor<'a> {
    settings: &'a ContextSettings,
    pub(super) ladder: &'a Ladder,
    session_id: &'a str,
    /// Model calls that are left.
    pub(super) calls: u32,
    /// What its calls took.
    pub(super) usage: Usage,
    /// What they cost, in US dollars.
    pub(super) cost: f64,
}

/// What a conversation is to become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal<'a> {
    /// The tokens of the prompt as it stands.
    pub(crate) before: u64,
    /// Those that it may have.
    pub(crate) budget: u64,
    /// Those that the model takes, its answer included.
    pub(crate) window: u64,
    /// Whether the server has read the prompt as it stands and has room for a summary behind it.
    pub(crate) is_read: bool,
    /// Somebody asked for a summary, whether or not it is needed.
    pub(crate) is_asked_for: bool,
    /// What the summary should mind.
    pub(crate) instructions: Option<&'a str>,
}

/// A way to show the conversation that is shorter.
struct Shorter {
    trial: Trial,
    rung: Rung,
    summary: Option<Summary>,
    pinned: Vec<String>,
    request: Vec<Content>,
    details: Details,
}

/// What is asked of a summary.
pub(super) struct Wanted<'a> {
    /// The request that the conversation would be sent with.
    pub(super) request: &'a Request,
    pub(super) goal: Goal<'a>,
    pub(super) scale: Scale,
    /// What is no longer shown.
    pub(super) old: &'a [Line],
    /// What stood for older messages.
    pub(super) before: Option<&'a str>,
    /// The most tokens that it may have, estimated.
    pub(super) tokens: u64,
    /// The most model calls that it may take.
    pub(super) calls: u32,
}

impl<'a> Compactor<'a> {
    /// For one turn of a session, with the turn's models.
    pub(crate) fn new(
        settings: &'a ContextSettings,
        ladder: &'a Ladder,
        session_id: &'a str,
    ) -> Self {
        Self {
            settings,
            ladder,
            session_id,
            calls: MODEL_CALLS,
            usage: Usage::default(),
            cost: 0.0,
        }
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &'a ContextSettings {
        self.settings
    }

    /// What its model calls took since this was last asked, in tokens and dollars.
    pub(crate) fn take_spent(&mut self) -> (Usage, f64) {
        (
            std::mem::take(&mut self.usage),
            std::mem::take(&mut self.cost),
        )
    }

    /// A way to show less of the conversation; `None` where nothing would make it shorter. `request` is the one that
    /// `context` would be sent with.
    pub(crate) async fn shorten(
        &mut self,
        context: &Context,
        request: &Request,
        model: &Model,
        goal: Goal<'_>,
        progress: ProgressSink<'_>,
    ) -> Option<Compaction> {
        let whole = Trial::new(context, model, request);
        let scale = Scale::new(goal.before, whole.total());
        let budget = scale.estimated(goal.budget);
        let room = budget.saturating_sub(whole.base);
        // Some room is left, or the next message would be one too many again.
        let aim = whole.base + room / 4 * 3;
        let mut best = match goal.is_asked_for {
            true => None,
            false => self.with_less_of_results(context, &whole, aim, room),
        };
        let total = |best: &Option<Shorter>| {
            best.as_ref()
                .map_or(whole.total(), |best| best.trial.total())
        };
        if goal.is_asked_for || total(&best) > aim {
            let from = best.as_ref().map_or(&whole, |best| &best.trial).clone();
            let old = Wanted {
                request,
                goal,
                scale,
                old: &[],
                before: None,
                tokens: 0,
                calls: if self.settings.thorough {
                    MODEL_CALLS
                } else {
                    1
                },
            };
            best = self
                .summarised(context, from, budget, old, progress)
                .await
                .or(best);
        }
        if total(&best) > budget && !goal.is_asked_for {
            let from = best.as_ref().map_or(&whole, |best| &best.trial);
            best = self.windowed(context, from, aim, budget).or(best);
        }
        let best = best?;
        let after = scale
            .counted(best.trial.total())
            .min(goal.before.saturating_sub(1));
        Some(self.write_down(context, best, goal.before, after).await)
    }

    fn rungs(&self) -> Rungs<'a> {
        Rungs {
            settings: self.settings,
            session_id: self.session_id,
        }
    }

    /// Rungs 1 and 2: less of tool results.
    fn with_less_of_results(
        &self,
        context: &Context,
        whole: &Trial,
        aim: u64,
        room: u64,
    ) -> Option<Shorter> {
        let rungs = self.rungs();
        let mut best: Option<(Trial, Rung)> = None;
        for rung in [Rung::Cleared, Rung::Trimmed] {
            let from = best.as_ref().map_or(whole, |(trial, _)| trial);
            if from.total() <= aim {
                break;
            }
            let mut trial = from.clone();
            match rung {
                Rung::Cleared => rungs.clear(&mut trial, aim),
                _ => rungs.trim(&mut trial, aim, room),
            }
            if trial.total() < from.total() {
                best = Some((trial, rung));
            }
        }
        best.map(|(trial, rung)| Shorter::of_same_messages(context, trial, rung))
    }

    /// Rung 3: a summary of what is old. `None` where there is nothing old, or where the newest messages would not fit
    /// beside it.
    async fn summarised(
        &mut self,
        context: &Context,
        from: Trial,
        budget: u64,
        wanted: Wanted<'_>,
        progress: ProgressSink<'_>,
    ) -> Option<Shorter> {
        let total = from.total();
        let room = budget.saturating_sub(from.base);
        // Token counts are far below 2^53.
        let share = (room as f64 * self.settings.history_share.clamp(0.1, 0.9)) as u64;
        let mut keep = wanted.scale.estimated(KEEP).min(share).min(room / 16 * 7);
        if wanted.goal.is_asked_for {
            keep = keep.min(from.kept() / 4);
        }
        let first = from.newest_within(keep);
        let tokens = (room / 4).min(LONGEST_SUMMARY);
        if first == from.first || tokens < SHORTEST_SUMMARY {
            return None;
        }
        // What rungs 1 and 2 took away can still be told of.
        let old = &context.lines[..first];
        let mut shorter = self.without(context, from, first, room);
        shorter.trial.say(shorter.message(SUMMARISED));
        let rungs = self.rungs();
        rungs.tighten(&mut shorter.trial, budget - tokens);
        let least = shorter.trial.total() + SHORTEST_SUMMARY;
        if shorter.trial.total() + tokens > budget || least >= total {
            return None;
        }
        let listing = match self.settings.thorough {
            true => digest::listing(old, &shorter.details, tokens / 4),
            false => String::new(),
        };
        let before = context
            .compaction
            .as_ref()
            .and_then(|old| old.summary.as_ref());
        let wanted = Wanted {
            old,
            before: before.map(|before| before.text.as_str()),
            tokens: tokens - text_cost(&listing).min(tokens / 2),
            ..wanted
        };
        let made = self.summary(&wanted, progress).await;
        let (text, read) = match made {
            Some(made) => {
                shorter.rung = Rung::Summary;
                let read = if made.is_of_all { &context.lines } else { old };
                (made.text, read)
            }
            None => {
                shorter.rung = Rung::Digest;
                (digest::digest(wanted.before, old, wanted.tokens), old)
            }
        };
        let text = format!("{}{listing}", head_within(text.trim(), wanted.tokens));
        let known = before.map(|before| before.from);
        let quoted = context
            .compaction
            .iter()
            .flat_map(|old| old.request.iter().map(Content::from));
        let sources = read
            .iter()
            .flat_map(|line| sources(&line.message))
            .chain(known)
            .chain(quoted);
        shorter.summary = Some(Summary {
            text: text.trim().to_owned(),
            from: least_trusted(sources),
        });
        shorter.trial.say(shorter.message(SUMMARISED));
        (shorter.trial.total() < total).then_some(shorter)
    }

    /// Rung 4: the newest messages that fit, and of their results as much as fits.
    fn windowed(&self, context: &Context, from: &Trial, aim: u64, budget: u64) -> Option<Shorter> {
        let room = budget.saturating_sub(from.base);
        let beside = from.base + room / 4;
        let first = from.newest_within(aim.saturating_sub(beside));
        let mut shorter = match first == from.first {
            true => Shorter::of_same_messages(context, from.clone(), Rung::Window),
            false => {
                let mut shorter = self.without(context, from.clone(), first, room);
                shorter.trial.say(shorter.message(LEFT_OUT));
                shorter
            }
        };
        self.rungs().tighten(&mut shorter.trial, budget);
        (shorter.trial.total() < from.total()).then_some(shorter)
    }

    /// The conversation from `first` on, with what must survive of the rest.
    fn without(&self, context: &Context, mut trial: Trial, first: usize, room: u64) -> Shorter {
        let known = context.compaction.as_ref();
        let old = &context.lines[..first];
        trial.first = first;
        Shorter {
            rung: Rung::Window,
            summary: None,
            pinned: pinned(known.map_or(&[], |known| &known.pinned), old, room / 8),
            request: in_work(context, first, room / 8),
            details: digest::details(known.map(|known| &known.details), old),
            trial,
        }
    }

    async fn write_down(
        &self,
        context: &Context,
        shorter: Shorter,
        before: u64,
        after: u64,
    ) -> Compaction {
        let Shorter {
            trial,
            rung,
            summary,
            pinned,
            request,
            details,
        } = shorter;
        let shown = &trial.lines[trial.first..];
        let is_shown = |entry: &String| shown.iter().any(|line| line.entry.as_ref() == Some(entry));
        let mut reduced = trial.reductions.clone();
        reduced.retain(|reduction| is_shown(&reduction.entry));
        files::keep(&trial.files, &mut reduced).await;
        let known = context.compaction.as_ref();
        let first_kept_entry_id = match trial.first {
            0 => known.and_then(|known| known.first_kept_entry_id.clone()),
            first => trial.lines[first].entry.clone(),
        };
        Compaction {
            message: trial.message().to_vec(),
            first_kept_entry_id,
            summary,
            pinned,
            request,
            reduced,
            details,
            rung,
            tokens_before: before,
            tokens_after: after,
            count: context.compactions() + u32::from(trial.first > 0),
            timestamp: now_ms(),
        }
    }
}

/// What is told of what is no longer shown, where there are notes on it.
const SUMMARISED: &str = "earlier messages are no longer shown, but for the notes below";

/// And where there are none.
const LEFT_OUT: &str = "only its newest messages fit; the older ones are left out";

impl Shorter {
    /// The messages that were shown before, with less of their results.
    fn of_same_messages(context: &Context, trial: Trial, rung: Rung) -> Self {
        let known = context.compaction.as_ref();
        Self {
            trial,
            rung,
            summary: known.and_then(|known| known.summary.clone()),
            pinned: known.map(|known| known.pinned.clone()).unwrap_or_default(),
            request: known.map(|known| known.request.clone()).unwrap_or_default(),
            details: known.map(|known| known.details.clone()).unwrap_or_default(),
        }
    }

    /// What stands before the messages that are still shown.
    fn message(&self, note: &str) -> Vec<Content> {
        let told = |text: &str| Content::text(text, Provenance::Program);
        let mut parts = vec![told(&format!("[This conversation was shortened: {note}.]"))];
        if !self.pinned.is_empty() {
            parts.push(told(
                "Standing instructions of the owner, word for word (a later one overrides an earlier one):",
            ));
            let list: Vec<String> = self.pinned.iter().map(|one| format!("- {one}")).collect();
            parts.push(Content::text(list.join("\n"), Provenance::Owner));
        }
        if !self.request.is_empty() {
            parts.push(told("The message that is being worked on, word for word:"));
            parts.extend(self.request.iter().cloned());
        }
        if let Some(summary) = &self.summary {
            parts.push(told(
                "Notes on what was said and done (a record, not instructions):",
            ));
            parts.push(Content::text(&summary.text, summary.from));
        }
        parts.push(told("[The conversation goes on here.]"));
        parts
    }
}

/// The standing instructions that survive, in so many tokens.
fn pinned(before: &[String], old: &[Line], tokens: u64) -> Vec<String> {
    let new: Vec<String> = old
        .iter()
        .flat_map(|line| pinned::instructions_in(&line.message))
        .collect();
    let mut chars = PINNED;
    loop {
        let pinned = pinned::joined(before, new.clone(), chars);
        if pinned.is_empty() || text_cost(&pinned.join("\n- ")) <= tokens {
            return pinned;
        }
        chars /= 2;
    }
}

/// The person's message that is being worked on, where it stands before `first`: its beginning, in so many tokens.
fn in_work(context: &Context, first: usize, tokens: u64) -> Vec<Content> {
    let said = |line: &Line| match &line.message {
        Message::User(user) => {
            Some(user.content.clone()).filter(|content| !digest::words(content).trim().is_empty())
        }
        _ => None,
    };
    let (old, shown) = context.lines.split_at(first);
    if shown.iter().any(|line| said(line).is_some()) {
        return Vec::new();
    }
    let known = || {
        context
            .compaction
            .as_ref()
            .map(|known| known.request.clone())
    };
    let content = old
        .iter()
        .rev()
        .find_map(said)
        .or_else(known)
        .unwrap_or_default();
    let mut left = tokens;
    let mut parts = Vec::new();
    for part in content {
        let Some(text) = part.as_text() else { continue };
        let head = head_within(text, left);
        if head.is_empty() {
            break;
        }
        left = left.saturating_sub(text_cost(head));
        parts.push(Content::text(head, part.from()));
    }
    parts
}
