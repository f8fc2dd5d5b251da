//! What the owner is asked about: kept before it is asked, so that any process can bring the answer, also after this one
//! has ended.
//!
//! An answer is for one call of one transcript: the same tool with the same arguments that would do the same. It can be
//! given while the agent waits, or later; then the call is done when the agent asks for it again, unless it is a command and
//! something was changed or run meanwhile, here or in another conversation.

use std::path::PathBuf;
use std::time::Duration;

use moltbot_guard::Effect;
use moltbot_guard::shell::{Approvals, ApprovalsError};
use moltbot_store::{Approval, ApprovalAnswer, NewApproval, Store, StoreError};
use thiserror::Error;

use crate::gate::Question;
use crate::tool::Scene;

/// How long a question can be answered, and what was allowed be done.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// How often it is looked whether another process brought the answer.
const LOOK: Duration = Duration::from_millis(250);

/// The questions to the owner, as they are kept.
#[derive(Debug, Clone)]
pub struct ApprovalBook {
    store: Store,
    /// `exec-approvals.json`, for what is allowed for good.
    allowlist: PathBuf,
}

/// A question that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// How it stands.
    pub approval: Approval,
    /// What is asked.
    pub question: Question,
}

/// An answer that could not be taken.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The question cannot be answered, or the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing or several things are meant.
    #[error("{0}")]
    Which(String),
    /// It starts something that can do anything, or no program at all.
    #[error("{0} cannot be allowed for good: allow it once.")]
    NotForGood(String),
    /// The list of what is allowed for good cannot be written.
    #[error("It is not allowed for good: {0}.")]
    NotListed(#[from] ApprovalsError),
}

impl ApprovalBook {
    /// The book in this store; programs that are allowed for good are written to this `exec-approvals.json`.
    pub fn new(store: Store, allowlist: PathBuf) -> Self {
        Self { store, allowlist }
    }

    /// What waits for an answer, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn pending(&self) -> Result<Vec<Asked>, StoreError> {
        Ok(readable(self.store.pending_approvals().await?))
    }

    /// The newest questions, answered or not, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn newest(&self) -> Result<Vec<Asked>, StoreError> {
        Ok(readable(self.store.newest_approvals().await?))
    }

    /// The question whose id begins like this. One that waits goes before others.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn find(&self, id: &str) -> Result<Asked, AnswerError> {
        let id = id.trim().to_lowercase();
        let found = match id.is_empty() {
            true => Vec::new(),
            false => readable(self.store.approvals_beginning(&id).await?),
        };
        let waiting = |asked: &&Asked| asked.approval.is_pending();
        let mut waits = found.iter().filter(waiting);
        match (waits.next(), waits.next(), found.as_slice()) {
            (Some(one), None, _) | (None, _, [one]) => Ok(one.clone()),
            (None, _, []) => Err(StoreError::NoSuchApproval { id }.into()),
            _ => Err(AnswerError::Which(format!(
                "Several questions begin with {id:?}: write more of the id."
            ))),
        }
    }

    /// Brings the owner's answer; `by` says where it was given.
    ///
    /// # Errors
    /// See [`AnswerError`]. Nothing is answered then, but for [`AnswerError::NotListed`]: allowed is this call alone.
    pub async fn answer(
        &self,
        asked: &Asked,
        answer: ApprovalAnswer,
        by: &str,
    ) -> Result<Asked, AnswerError> {
        let question = &asked.question;
        let programs = &question.plan.programs;
        if answer == ApprovalAnswer::AllowAlways && programs.is_empty() {
            return Err(AnswerError::NotForGood(format!(
                "What {} would do",
                question.tool
            )));
        }
        let approval = self
            .store
            .answer_approval(&asked.approval.id, answer, by)
            .await?;
        // Somebody may have said no a moment before: only the answer that counts is heeded.
        if answer == ApprovalAnswer::AllowAlways {
            Approvals::allow(&self.allowlist, &question.agent_id, programs)?;
        }
        Ok(Asked {
            approval,
            question: question.clone(),
        })
    }

    /// Keeps a question.
    pub(crate) async fn ask(
        &self,
        question: Question,
        scene: &Scene<'_>,
    ) -> Result<Asked, StoreError> {
        let approval = NewApproval {
            session_key: scene.session.key.clone(),
            session_id: scene.session.session_id.clone(),
            call: identity(&question),
            // A question is plain data: it always has a JSON text.
            question: serde_json::to_string(&question).unwrap_or_default(),
            lifetime: i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX),
        };
        let approval = self.store.ask_approval(approval).await?;
        Ok(Asked { approval, question })
    }

    /// Uses what the owner allowed for this very call before. Whether there was such.
    pub(crate) async fn take(
        &self,
        question: &Question,
        scene: &Scene<'_>,
    ) -> Result<bool, StoreError> {
        let call = identity(question);
        self.store
            .take_approval(&scene.session.session_id, &call)
            .await
    }

    /// Commands that wait for an answer here, or were allowed anywhere and not run yet, are asked about again: conversations
    /// share folders.
    pub(crate) async fn forget_commands(&self, scene: &Scene<'_>) -> Result<(), StoreError> {
        let open = self.store.open_approvals(&scene.session.session_id).await?;
        for asked in readable(open) {
            if asked.question.plan.effect == Effect::RunsCode {
                self.store.expire_approval(&asked.approval.id).await?;
            }
        }
        Ok(())
    }

    /// Waits until another process brings the answer; `None` when the question has expired.
    pub(crate) async fn answered_elsewhere(
        &self,
        id: &str,
    ) -> Result<Option<ApprovalAnswer>, StoreError> {
        loop {
            let approval = self.store.approval(id).await?;
            if approval.answer.is_some() || !approval.is_pending() {
                return Ok(approval.answer);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What the owner allowed and was done in a transcript.
    pub(crate) async fn allowed(&self, session_id: &str) -> Result<Vec<Question>, StoreError> {
        let used = readable(self.store.used_approvals(session_id).await?);
        Ok(used.into_iter().map(|asked| asked.question).collect())
    }
}

/// Those that this program can read: another version may have written others.
fn readable(approvals: Vec<Approval>) -> Vec<Asked> {
    let read = |approval: Approval| {
        let question = serde_json::from_str(&approval.question).ok()?;
        Some(Asked { approval, question })
    };
    approvals.into_iter().filter_map(read).collect()
}

/// The same text for the same call, and for no other.
fn identity(question: &Question) -> String {
    let plan = &question.plan;
    serde_json::json!([
        question.tool,
        question.arguments,
        plan.effect,
        plan.detail,
        plan.manner,
        plan.targets,
        plan.content,
        plan.programs,
    ])
    .to_string()
}
