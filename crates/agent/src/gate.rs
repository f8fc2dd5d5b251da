//! The one place where it is decided whether a tool call is done. What to decide is the guard's; here the owner is asked.

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_guard::invisible::{lines_written_out, written_out};
use moltbot_guard::secrets::Secrets;
use moltbot_guard::{Decision, Effect, Evidence, Plan, Preset, decide};
use moltbot_store::{ApprovalAnswer, StoreError};
use serde::{Deserialize, Serialize};

use crate::agents::is_subagent;
use crate::approvals::{AnswerError, ApprovalBook, Asked};
use crate::discretion::hide_in_arguments;
use crate::tool::{Arguments, Scene};

/// Asks the owner about one call.
#[async_trait]
pub trait Approver: Send + Sync {
    /// What the owner says. Waits for the answer; a future that is dropped takes the question back, since it was answered
    /// elsewhere or nobody wants to know any more.
    async fn approve(&self, question: &Question) -> ApprovalAnswer;

    /// Tells the owner what became of a question, beside the answer.
    fn tell(&self, sentence: &str);

    /// Where it asks, as it is kept with the answer.
    fn place(&self) -> &str;
}

/// A call that the owner is asked about. Without secrets: it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Arguments,
    /// What it would do.
    pub plan: Plan,
    /// The agent that wants it.
    pub agent_id: String,
    /// The conversation that it belongs to.
    pub session_key: String,
    /// The rule by which it is asked.
    pub rule: String,
    /// Why it is asked, in words for the owner. May quote what the model wrote.
    pub reason: String,
    /// Which sub-agent wants to do it; `None` where the agent itself does.
    #[serde(default)]
    pub subagent: Option<String>,
}

impl Question {
    /// Who asks, to begin a sentence with, on one line.
    pub fn asker(&self) -> String {
        let asker = match &self.subagent {
            Some(name) => format!("The sub-agent \"{name}\""),
            None => format!("The agent in {}", self.session_key),
        };
        let words: Vec<&str> = asker.split_whitespace().collect();
        written_out(&words.join(" "))
    }

    /// What exactly would be done, for people: the whole of what would be written, too, with what cannot be seen written
    /// out, and each line set in so that none can pass for one of the program's. Then why it is asked.
    pub fn shown(&self) -> Vec<String> {
        let mut shown: Vec<String> = lines_written_out(&self.plan.detail)
            .into_iter()
            .map(|line| format!("    {line}"))
            .collect();
        for (name, value) in &self.arguments {
            let Some(text) = value.as_str().filter(|text| self.is_untold(text)) else {
                continue;
            };
            let lines = lines_written_out(text);
            shown.push(format!("    {}:", written_out(name)));
            let left = lines.len().saturating_sub(SHOWN_LINES);
            let lines = lines.into_iter().take(SHOWN_LINES);
            shown.extend(lines.map(|line| format!("      | {line}")));
            if left > 0 {
                shown.push(format!(
                    "      [{left} more lines: moltbot approvals list --json]"
                ));
            }
        }
        let reason = lines_written_out(&self.reason);
        shown.extend(reason.into_iter().map(|line| format!("    {line}")));
        shown
    }

    /// Whether a text of a call that changes something is not in its detail.
    fn is_untold(&self, text: &str) -> bool {
        let changes = matches!(
            self.plan.effect,
            Effect::ChangesWorkspace | Effect::ChangesOutside | Effect::ChangesItself
        );
        let places = || self.plan.targets.iter().any(|target| target.value == text);
        changes && !self.plan.detail.contains(text) && !places()
    }
}

/// So many lines of a text are shown.
const SHOWN_LINES: usize = 200;

/// A call that is decided on.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) tool: &'a str,
    pub(crate) arguments: &'a Arguments,
    pub(crate) plan: &'a Plan,
}

/// What was decided about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Allow,
    /// It is not done; the model is told why, in this sentence.
    Refuse(String),
}

/// Decides about calls by the rules of a preset. What the owner must be asked about is refused where nobody can be.
#[derive(Clone, Default)]
pub struct Gate {
    approver: Option<Arc<dyn Approver>>,
    book: Option<ApprovalBook>,
    preset: Preset,
}

/// What came of asking.
enum Answer {
    Given(ApprovalAnswer),
    /// Nobody can be asked here; the question with this id, where it is kept, can be answered later.
    NobodyHere(Option<String>),
    /// It has expired.
    Nobody,
    /// It could not be kept, so it is not done either.
    NotKept(StoreError),
}

impl Gate {
    /// A gate with nobody to ask.
    pub fn closed() -> Self {
        Self::default()
    }

    /// A gate that asks where it must.
    pub fn asking(approver: Arc<dyn Approver>) -> Self {
        Self {
            approver: Some(approver),
            ..Self::default()
        }
    }

    /// The same by the rules of this preset.
    #[must_use]
    pub fn with_preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// The same, which keeps its questions here.
    #[must_use]
    pub fn with_approvals(mut self, book: ApprovalBook) -> Self {
        self.book = Some(book);
        self
    }

    /// The preset by whose rules it decides.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// Where its questions are kept.
    pub(crate) fn approvals(&self) -> Option<&ApprovalBook> {
        self.book.as_ref()
    }

    /// Decides about one call. Every call goes through here, whatever the tool. What the owner says yes to is evidence
    /// from then on.
    pub(crate) async fn decide(
        &self,
        wanted: Wanted<'_>,
        evidence: &mut Evidence,
        secrets: &Secrets,
        scene: &Scene<'_>,
    ) -> Verdict {
        let plan = wanted.plan;
        let decision = decide(plan, evidence, self.preset);
        let verdict = match decision.verdict {
            moltbot_guard::Verdict::Allow => Verdict::Allow,
            moltbot_guard::Verdict::Refuse => Verdict::Refuse(format!(
                "Not allowed: {}. {} Do not try it again in another way; tell the owner what you wanted to do.",
                would(wanted),
                decision.reason
            )),
            moltbot_guard::Verdict::Ask => {
                let answer = self.ask(question(wanted, &decision, secrets, scene), scene);
                let verdict = answer.await.verdict(wanted, &decision);
                if verdict == Verdict::Allow {
                    evidence.approved(plan);
                }
                verdict
            }
        };
        let verdict = match verdict {
            Verdict::Allow => self.forget_commands_before(plan, scene).await,
            refused @ Verdict::Refuse(_) => refused,
        };
        tracing::info!(
            tool = wanted.tool,
            effect = ?plan.effect,
            detail = plan.detail,
            verdict = ?decision.verdict,
            rule = decision.rule,
            allowed = (verdict == Verdict::Allow),
            "tool call"
        );
        verdict
    }

    /// A command that the owner was asked about runs what the files say at the time. Where something may change them, it has
    /// to be asked about again.
    async fn forget_commands_before(&self, plan: &Plan, scene: &Scene<'_>) -> Verdict {
        let changes = matches!(
            plan.effect,
            Effect::ChangesWorkspace
                | Effect::ChangesOutside
                | Effect::ChangesItself
                | Effect::RunsCode
        );
        match &self.book {
            Some(book) if changes => match book.forget_commands(scene).await {
                Ok(()) => Verdict::Allow,
                Err(error) => Verdict::Refuse(format!("It was not done. {error}")),
            },
            _ => Verdict::Allow,
        }
    }

    /// Asks the owner, here and wherever else the owner may answer.
    async fn ask(&self, question: Question, scene: &Scene<'_>) -> Answer {
        let Some(book) = &self.book else {
            return match &self.approver {
                Some(approver) => Answer::Given(approver.approve(&question).await),
                None => Answer::NobodyHere(None),
            };
        };
        let asked = self.ask_on_record(book, question, scene).await;
        asked.unwrap_or_else(Answer::NotKept)
    }

    async fn ask_on_record(
        &self,
        book: &ApprovalBook,
        question: Question,
        scene: &Scene<'_>,
    ) -> Result<Answer, StoreError> {
        if book.take(&question, scene).await? {
            return Ok(Answer::Given(ApprovalAnswer::AllowOnce));
        }
        let asked = book.ask(question, scene).await?;
        let Some(approver) = &self.approver else {
            let id = asked.approval.short_id().to_owned();
            return Ok(Answer::NobodyHere(Some(id)));
        };
        let answer = tokio::select! {
            answer = approver.approve(&asked.question) => {
                brought(book, &asked, answer, approver.as_ref()).await?
            }
            answer = book.answered_elsewhere(&asked.approval.id) => {
                let answer = answer?;
                approver.tell(match answer {
                    Some(ApprovalAnswer::Deny) => "Answered elsewhere: not allowed.",
                    Some(_) => "Answered elsewhere: allowed.",
                    None => "Nobody answered in time: not allowed.",
                });
                answer
            }
        };
        Ok(match answer {
            None => Answer::Nobody,
            Some(ApprovalAnswer::Deny) => Answer::Given(ApprovalAnswer::Deny),
            Some(answer) => match book.take(&asked.question, scene).await? {
                true => Answer::Given(answer),
                false => Answer::Nobody,
            },
        })
    }
}

/// Keeps what the owner answered here. Where something else was answered first, that counts; `None` where it was too late.
async fn brought(
    book: &ApprovalBook,
    asked: &Asked,
    answer: ApprovalAnswer,
    approver: &dyn Approver,
) -> Result<Option<ApprovalAnswer>, StoreError> {
    let mut answer = answer;
    loop {
        match book.answer(asked, answer, approver.place()).await {
            Ok(_) => return Ok(Some(answer)),
            Err(AnswerError::Store(StoreError::ApprovalAnswered { answer, .. })) => {
                return Ok(Some(answer));
            }
            Err(AnswerError::Store(StoreError::ApprovalExpired { .. })) => return Ok(None),
            Err(AnswerError::Store(error)) => return Err(error),
            Err(error @ AnswerError::NotListed(_)) => {
                approver.tell(&format!("Allowed this once only. {error}"));
                return Ok(Some(ApprovalAnswer::AllowOnce));
            }
            Err(error) if answer == ApprovalAnswer::AllowAlways => {
                approver.tell(&format!("Allowed this once only. {error}"));
                answer = ApprovalAnswer::AllowOnce;
            }
            // Only what is to be allowed for good can fail otherwise.
            Err(_) => return Ok(None),
        }
    }
}

impl Answer {
    fn verdict(self, wanted: Wanted<'_>, decision: &Decision) -> Verdict {
        let (would, tool, reason) = (would(wanted), wanted.tool, &decision.reason);
        Verdict::Refuse(match self {
            Self::Given(answer) if answer.allows() => return Verdict::Allow,
            Self::Given(_) => format!(
                "The owner said no to this call of {tool}. Do not try it again in another way; go on without it, or ask."
            ),
            Self::Nobody => format!(
                "Not allowed: {would}, and the owner did not answer in time. Go on without it, or tell the owner what you wanted to do."
            ),
            Self::NobodyHere(None) => format!(
                "Not allowed: {would}, and nobody can be asked here. {reason} Tell the owner what you wanted to do; in moltbot chat at a terminal the owner can allow it."
            ),
            Self::NobodyHere(Some(id)) => format!(
                "Approval required (id {id}): {would}, and nobody can be asked here. {reason} Tell the owner what you wanted to do, and that `moltbot approvals allow {id}` allows this very call within an hour; ask for it again when the owner says so."
            ),
            Self::NotKept(error) => {
                format!("Not allowed: {would}, and the question cannot be kept. {error}")
            }
        })
    }
}

/// What a call would do, for the model.
fn would(wanted: Wanted<'_>) -> String {
    let Plan { effect, detail, .. } = wanted.plan;
    format!("{} would {} ({detail})", wanted.tool, effect.describe())
}

/// What the owner is asked, with all secrets taken out.
fn question(
    wanted: Wanted<'_>,
    decision: &Decision,
    secrets: &Secrets,
    scene: &Scene<'_>,
) -> Question {
    let hidden = |text: &str| secrets.redact(text).into_owned();
    let mut plan = wanted.plan.clone();
    plan.detail = hidden(&plan.detail);
    plan.content = plan.content.iter().map(|text| hidden(text)).collect();
    for target in &mut plan.targets {
        target.value = hidden(&target.value);
    }
    let mut arguments = wanted.arguments.clone();
    hide_in_arguments(secrets, &mut arguments);
    Question {
        tool: wanted.tool.to_owned(),
        arguments,
        plan,
        agent_id: scene.session.agent_id.clone(),
        session_key: scene.session.key.clone(),
        rule: decision.rule.to_owned(),
        reason: hidden(&decision.reason),
        subagent: is_subagent(scene.session).then(|| {
            let label = scene.session.label.clone();
            label.unwrap_or_else(|| scene.session.key.clone())
        }),
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("asks", &self.approver.is_some())
            .field("book", &self.book)
            .field("preset", &self.preset)
            .finish()
    }
}
