//! The rungs that need no model: what is shown of tool results.

use std::path::{Path, PathBuf};

use moltbot_llm::{Message, ToolResultMessage, estimate_message};

use super::reduction::{Reduction, bytes, text_of, whereabouts};
use super::settings::ContextSettings;
use super::trial::{KeptText, Trial};

/// A result is not cleared for less than this, in tokens: the line that stands for it costs some too.
const WORTH_CLEARING: u64 = 24;

/// Head and tail of results where nothing else helps, in characters.
const LAST_RESORT: [usize; 4] = [750, 300, 100, 0];

/// Shows less of tool results.
pub(super) struct Rungs<'a> {
    pub(super) settings: &'a ContextSettings,
    pub(super) session_id: &'a str,
}

impl Rungs<'_> {
    /// Old results give way to a line, oldest first, until no more than `aim` tokens are left.
    pub(super) fn clear(&self, trial: &mut Trial, aim: u64) {
        if !self.settings.clear {
            return;
        }
        for at in trial.first..self.protected(trial) {
            if trial.total() <= aim {
                return;
            }
            let Some((entry, result)) = self.reducible(trial, at) else {
                continue;
            };
            let known = trial.reduction(&entry);
            if known.is_some_and(Reduction::is_cleared) {
                continue;
            }
            let path = known.and_then(|known| known.path.clone());
            let reduction = Reduction {
                note: self.cleared(&result.tool_name, path.as_deref()),
                entry,
                head: 0,
                tail: 0,
                chars: known.map_or_else(|| text_of(result).chars().count(), |known| known.chars),
                path,
            };
            let mut cleared = result.clone();
            reduction.apply(&mut cleared);
            if estimate_message(&Message::ToolResult(cleared)) + WORTH_CLEARING <= trial.costs[at] {
                trial.reduce(at, reduction);
            }
        }
    }

    /// Big results are cut to head and tail, biggest first, until no more than `aim` tokens are left. None takes more
    /// than a quarter of the `room` for messages.
    pub(super) fn trim(&self, trial: &mut Trial, aim: u64, room: u64) {
        // About four characters a token, so this many are a quarter.
        let most = usize::try_from(room).unwrap_or(usize::MAX).max(400);
        let from = self.settings.trim_from.min(most);
        let limit = |chars: usize| chars.min(from * 3 / 8);
        let (head, tail) = (
            limit(self.settings.trim_head),
            limit(self.settings.trim_tail),
        );
        let mut big: Vec<usize> = (trial.first..trial.lines.len())
            .filter(|at| {
                let result = self.reducible(trial, *at);
                result.is_some_and(|(entry, result)| {
                    trial.reduction(&entry).is_none() && text_of(result).chars().count() > from
                })
            })
            .collect();
        big.sort_by_key(|at| std::cmp::Reverse(trial.costs[*at]));
        for at in big {
            if trial.total() <= aim {
                return;
            }
            self.cut(trial, at, head, tail);
        }
    }

    /// Results are cut as far as it takes for no more than `aim` tokens, oldest first: where the rest is too long all the
    /// same.
    pub(super) fn tighten(&self, trial: &mut Trial, aim: u64) {
        for chars in LAST_RESORT {
            for at in trial.first..trial.lines.len() {
                if trial.total() <= aim {
                    return;
                }
                self.cut(trial, at, chars, chars);
            }
        }
    }

    /// Cuts a result to head and tail, in characters, where that makes it shorter.
    fn cut(&self, trial: &mut Trial, at: usize, head: usize, tail: usize) {
        let line = &trial.lines[at];
        let (Some(entry), Message::ToolResult(result)) = (&line.entry, &line.message) else {
            return;
        };
        let known = trial.reduction(entry);
        let Some((head_bytes, tail_bytes)) = bytes(result, head, tail) else {
            return;
        };
        if known.is_some_and(|known| known.head < head_bytes || known.tail < tail_bytes) {
            return;
        }
        // What was cut before has its file already, or none.
        let (path, chars, whole) = match known {
            Some(known) => (known.path.clone(), known.chars, None),
            None => {
                let path = self.path(entry, &result.tool_call_id);
                let path = path.map(|path| path.to_string_lossy().into_owned());
                let text = text_of(result);
                (path, text.chars().count(), Some(text))
            }
        };
        let reduction = Reduction {
            entry: entry.clone(),
            head: head_bytes,
            tail: tail_bytes,
            chars,
            note: trimmed(head, tail, chars, path.as_deref()),
            path: path.clone(),
        };
        let mut shorter = result.clone();
        reduction.apply(&mut shorter);
        if estimate_message(&Message::ToolResult(shorter)) >= trial.costs[at] {
            return;
        }
        trial.reduce(at, reduction);
        if let (Some(path), Some(text)) = (path, whole) {
            trial.files.push(KeptText { path, text });
        }
    }

    /// A result that the owner's settings let go.
    fn reducible<'t>(
        &self,
        trial: &'t Trial,
        at: usize,
    ) -> Option<(String, &'t ToolResultMessage)> {
        let line = &trial.lines[at];
        match &line.message {
            Message::ToolResult(result) if self.settings.may_reduce(&result.tool_name) => {
                Some((line.entry.clone()?, result))
            }
            _ => None,
        }
    }

    /// Where what the newest answers are about begins.
    fn protected(&self, trial: &Trial) -> usize {
        let answers = (trial.first..trial.lines.len())
            .rev()
            .filter(|at| matches!(trial.lines[*at].message, Message::Assistant(_)));
        // What the model has not read yet is not cleared.
        let keep = self.settings.keep_last_assistants.max(1);
        answers.into_iter().nth(keep - 1).unwrap_or(trial.first)
    }

    fn cleared(&self, tool: &str, path: Option<&str>) -> String {
        match (&self.settings.placeholder, path) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => format!(
                "[Old tool result content cleared.{}]",
                whereabouts(Some(path))
            ),
            (None, None) => {
                format!("[Old tool result content cleared; call {tool} again if it is needed.]")
            }
        }
    }

    fn path(&self, entry: &str, call_id: &str) -> Option<PathBuf> {
        let folder: &Path = self.settings.results_dir.as_deref()?;
        Some(folder.join(format!(
            "{}-{}-{entry}.txt",
            plain(self.session_id),
            plain(call_id)
        )))
    }
}

fn trimmed(head: usize, tail: usize, all: usize, path: Option<&str>) -> String {
    let rest = whereabouts(path);
    match head + tail {
        0 => format!("[Tool result left out: {all} chars.{rest}]"),
        _ => format!(
            "[Tool result trimmed: kept first {head} chars and last {tail} chars of {all} chars.{rest}]"
        ),
    }
}

/// An id as part of a file's name: models and servers choose ids as they like.
fn plain(id: &str) -> String {
    let plain = |c: char| match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' | '-' | '_' => c,
        _ => '_',
    };
    id.chars().take(64).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_lead_out_of_the_folder() {
        let settings = ContextSettings {
            results_dir: Some("/kept".into()),
            ..ContextSettings::default()
        };
        let rungs = Rungs {
            settings: &settings,
            session_id: "s-1",
        };
        let path = rungs.path("0a1b2c3d", "../../etc/passwd\0é");
        assert_eq!(
            path,
            Some("/kept/s-1-______etc_passwd__-0a1b2c3d.txt".into())
        );
    }
}
