//! The handle that the rest of the program holds.

use std::path::Path;
use std::sync::Arc;

use crate::database::{BUSY_TIMEOUT, Database};
use crate::error::Failure;
use crate::writer::Writer;
use crate::{
    Approval, ApprovalAnswer, Entry, NewApproval, NewEntry, Record, Session, SessionPatch,
    StoreError, SubagentRun, Turn, TurnEnd, Usage, approval, entry, record, session, subagent_run,
    turn,
};

/// A handle to the file; clones share it. Each call is one transaction and is on disk when it
/// returns.
///
/// A call whose future is dropped may still be carried out, except that a turn begun that way is
/// ended at once. When the last handle is dropped, the file is closed; that waits for the calls
/// under way.
///
/// Besides the errors named at a call, any of them can fail with the errors that name a file: full
/// disk, damage, a lock held by another process.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<Writer>,
}

impl Store {
    /// Opens the file at `path`, or creates it (and its folder) for this user only. Turns that a
    /// dead process left running become [`TurnState::Interrupted`](crate::TurnState::Interrupted).
    /// Blocks for some milliseconds, or for seconds if another process keeps the file locked.
    ///
    /// # Errors
    /// When the file cannot be created, read, written or locked, is not a database of ours, or is a
    /// newer one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let database = Database::open(path.as_ref(), BUSY_TIMEOUT)?;
        Ok(Self {
            writer: Arc::new(Writer::start(database)?),
        })
    }

    /// The file, with all links resolved.
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// The session with this key, created for `agent_id` if there is none. An existing one keeps
    /// its agent.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn session(&self, key: &str, agent_id: &str) -> Result<Session, StoreError> {
        let (key, agent_id) = (key.to_owned(), agent_id.to_owned());
        self.call(move |db| match session::by_key(db.reader(), &key)? {
            Some(session) => Ok(session),
            None => db.write(|tx, _| session::get_or_create(tx, &key, &agent_id)),
        })
        .await
    }

    /// The session whose current transcript has this id. `None` also for a transcript closed by a
    /// reset, which [`transcript`](Self::transcript) still reads.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn session_by_id(&self, session_id: &str) -> Result<Option<Session>, StoreError> {
        let session_id = session_id.to_owned();
        self.call(move |db| session::by_id(db.reader(), &session_id))
            .await
    }

    /// The session with this key, also one that was put away; `None` where there is none.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn session_by_key(&self, key: &str) -> Result<Option<Session>, StoreError> {
        let key = key.to_owned();
        self.call(move |db| session::by_key(db.reader(), &key))
            .await
    }

    /// All sessions that were not put away, the one used last first.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        self.call(|db| session::all(db.reader())).await
    }

    /// Changes what is known about a session and returns it as it is then.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSession`].
    pub async fn update_session(
        &self,
        key: &str,
        patch: SessionPatch,
    ) -> Result<Session, StoreError> {
        let key = key.to_owned();
        self.call(move |db| db.write(|tx, _| session::update(tx, &key, patch)))
            .await
    }

    /// Gives the session a new, empty transcript and applies the patch (which settings a reset
    /// clears is the caller's choice). The old transcript stays readable under its id; a turn that
    /// still runs on it may end there.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSession`].
    pub async fn reset_session(
        &self,
        key: &str,
        patch: SessionPatch,
    ) -> Result<Session, StoreError> {
        let key = key.to_owned();
        self.call(move |db| db.write(|tx, _| session::reset(tx, &key, patch)))
            .await
    }

    /// Begins a turn: stores its first entries (the person's message) and the running turn, both or
    /// neither. If the process of a turn that still counts as running is dead, that turn becomes
    /// interrupted first.
    ///
    /// # Errors
    /// [`StoreError::SessionBusy`] while another turn runs there, [`StoreError::SessionReset`] when
    /// the transcript is closed, [`StoreError::NoSuchSession`], [`StoreError::BodyNotJson`].
    pub async fn begin_turn(
        &self,
        session_id: &str,
        first_entries: Vec<NewEntry>,
    ) -> Result<(Turn, Vec<Entry>), StoreError> {
        check(&first_entries)?;
        let turn_id = turn::new_id();
        let unclaimed = Unclaimed {
            store: self,
            turn_id: turn_id.clone(),
            claimed: false,
        };
        let session_id = session_id.to_owned();
        let result = self
            .call(move |db| {
                db.write(|tx, owner| turn::begin(tx, owner, &turn_id, &session_id, first_entries))
            })
            .await;
        unclaimed.claim();
        result
    }

    /// Adds entries to a running turn, all or none.
    ///
    /// # Errors
    /// [`StoreError::TurnOver`], [`StoreError::NotYourTurn`], [`StoreError::NoSuchTurn`],
    /// [`StoreError::BodyNotJson`].
    pub async fn append(
        &self,
        turn_id: &str,
        entries: Vec<NewEntry>,
    ) -> Result<Vec<Entry>, StoreError> {
        for entry in &entries {
            entry.check()?;
        }
        let turn_id = turn_id.to_owned();
        self.call(move |db| {
            db.write(|tx, owner| turn::append(tx, owner, &turn_id, entries.clone()))
        })
        .await
    }

    /// Ends a turn: stores its last entries (the answer), how it ended and what it took, all or
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::TurnOver`], [`StoreError::NotYourTurn`], [`StoreError::NoSuchTurn`],
    /// [`StoreError::BodyNotJson`].
    pub async fn finish_turn(
        &self,
        turn_id: &str,
        last_entries: Vec<NewEntry>,
        end: TurnEnd,
        usage: Usage,
    ) -> Result<(Turn, Vec<Entry>), StoreError> {
        check(&last_entries)?;
        let turn_id = turn_id.to_owned();
        self.call(move |db| {
            db.write(|tx, owner| turn::finish(tx, owner, &turn_id, last_entries, end, usage))
        })
        .await
    }

    /// Ends a turn of this store as aborted if it still runs, without waiting: for a `Drop`, where
    /// a turn's future was thrown away half-way and the session would stay busy otherwise. Failures
    /// are logged.
    pub fn abandon_turn(&self, turn_id: &str) {
        let turn_id = turn_id.to_owned();
        let sent = self.writer.send(move |db| {
            if let Err(failure) = db.write(|tx, owner| turn::abandon(tx, owner, &turn_id)) {
                let error = failure.at(db.path());
                tracing::warn!(turn_id, %error, "could not end an abandoned turn");
            }
        });
        if let Err(error) = sent {
            tracing::warn!(%error, "could not end an abandoned turn");
        }
    }

    /// Stores entries outside an answer (a model change, a notice) as a turn that is done at once.
    ///
    /// # Errors
    /// Those of [`begin_turn`](Self::begin_turn).
    pub async fn record(
        &self,
        session_id: &str,
        entries: Vec<NewEntry>,
    ) -> Result<Vec<Entry>, StoreError> {
        check(&entries)?;
        let session_id = session_id.to_owned();
        self.call(move |db| {
            db.write(|tx, owner| {
                let id = turn::new_id();
                let (_, entries) = turn::begin(tx, owner, &id, &session_id, entries)?;
                turn::finish(tx, owner, &id, Vec::new(), TurnEnd::Done, Usage::default())?;
                Ok(entries)
            })
        })
        .await
    }

    /// All entries of a transcript, in order; also of one closed by a reset.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSession`].
    pub async fn transcript(&self, session_id: &str) -> Result<Vec<Entry>, StoreError> {
        let session_id = session_id.to_owned();
        self.call(move |db| {
            session::transcript(db.reader(), &session_id)?;
            entry::of_session(db.reader(), &session_id)
        })
        .await
    }

    /// The turns of a transcript, in order; also of one closed by a reset.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSession`].
    pub async fn turns(&self, session_id: &str) -> Result<Vec<Turn>, StoreError> {
        let session_id = session_id.to_owned();
        self.call(move |db| {
            session::transcript(db.reader(), &session_id)?;
            turn::of_session(db.reader(), &session_id)
        })
        .await
    }

    /// The interrupted turns that nothing has followed yet, oldest first: the last turn of a
    /// current transcript, cut off when its process died.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn interrupted(&self) -> Result<Vec<Turn>, StoreError> {
        self.call(|db| turn::interrupted(db.reader())).await
    }

    /// All records of a kind, by key.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn records(&self, kind: &str) -> Result<Vec<Record>, StoreError> {
        let kind = kind.to_owned();
        self.call(move |db| record::of_kind(db.reader(), &kind))
            .await
    }

    /// Stores a record, a JSON text, in place of the one of that kind and key.
    ///
    /// # Errors
    /// [`StoreError::BodyNotJson`].
    pub async fn put_record(&self, kind: &str, key: &str, body: &str) -> Result<(), StoreError> {
        NewEntry::new(kind, body).check()?;
        let (kind, key, body) = (kind.to_owned(), key.to_owned(), body.to_owned());
        self.call(move |db| db.write(|tx, _| record::put(tx, &kind, &key, &body)))
            .await
    }

    /// Removes a record; whether there was one.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn remove_record(&self, kind: &str, key: &str) -> Result<bool, StoreError> {
        let (kind, key) = (kind.to_owned(), key.to_owned());
        self.call(move |db| db.write(|tx, _| record::remove(tx, &kind, &key)))
            .await
    }

    /// Notes that a session gave work to a sub-agent, which this store's process does. `task` is a JSON text.
    ///
    /// # Errors
    /// [`StoreError::BodyNotJson`].
    pub async fn begin_subagent_run(
        &self,
        id: &str,
        requester_key: &str,
        child_key: &str,
        task: &str,
    ) -> Result<(), StoreError> {
        NewEntry::new("task", task).check()?;
        let [id, requester, child, task] = [id, requester_key, child_key, task].map(str::to_owned);
        self.call(move |db| {
            db.write(|tx, owner| subagent_run::begin(tx, owner, &id, &requester, &child, &task))
        })
        .await
    }

    /// Notes what came of a sub-agent's work, a JSON text. Work that is another process's, or over, is left alone.
    ///
    /// # Errors
    /// [`StoreError::BodyNotJson`].
    pub async fn end_subagent_run(&self, id: &str, outcome: &str) -> Result<(), StoreError> {
        NewEntry::new("outcome", outcome).check()?;
        let [id, outcome] = [id, outcome].map(str::to_owned);
        self.call(move |db| db.write(|tx, owner| subagent_run::end(tx, owner, &id, &outcome)))
            .await
    }

    /// Notes that the session that gave the work has been told what came of it.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn announced_subagent_run(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.call(move |db| db.write(|tx, _| subagent_run::announced(tx, &id)))
            .await
    }

    /// Takes over what dead processes left of a session's work, oldest first: what still ran counts as interrupted. What
    /// is given here the session has not been told of, and nobody else will tell it.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn adopt_subagent_runs(
        &self,
        requester_key: &str,
    ) -> Result<Vec<SubagentRun>, StoreError> {
        let key = requester_key.to_owned();
        self.call(move |db| db.write(|tx, owner| subagent_run::adopt(tx, owner, &key)))
            .await
    }

    /// All work that a session gave to sub-agents, oldest first.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn subagent_runs(&self, requester_key: &str) -> Result<Vec<SubagentRun>, StoreError> {
        let key = requester_key.to_owned();
        self.call(move |db| subagent_run::of_requester(db.reader(), &key))
            .await
    }

    /// Puts away the sessions of sub-agents whose work ended before this time (milliseconds since the Unix epoch) and
    /// was told of: they are no longer listed, their transcripts stay. Says how many.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn archive_subagents(&self, ended_before: i64) -> Result<usize, StoreError> {
        self.call(move |db| db.write(|tx, _| subagent_run::archive(tx, ended_before)))
            .await
    }

    /// Puts one session away: it is no longer listed, its transcript stays.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn archive_session(&self, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.call(move |db| db.write(|tx, _| subagent_run::archive_session(tx, &key)))
            .await
    }

    /// Keeps a question to the owner. Where the same call of the same transcript waits for an answer already, that
    /// question is given instead.
    ///
    /// # Errors
    /// [`StoreError::BodyNotJson`].
    pub async fn ask_approval(&self, new: NewApproval) -> Result<Approval, StoreError> {
        NewEntry::new("question", &new.question).check()?;
        let id = turn::new_id();
        self.call(move |db| db.write(|tx, _| approval::ask(tx, &id, &new)))
            .await
    }

    /// Answers a question to the owner; `by` says where. A question is answered once.
    ///
    /// # Errors
    /// [`StoreError::NoSuchApproval`], [`StoreError::ApprovalAnswered`], [`StoreError::ApprovalExpired`].
    pub async fn answer_approval(
        &self,
        id: &str,
        answer: ApprovalAnswer,
        by: &str,
    ) -> Result<Approval, StoreError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.call(move |db| db.write(|tx, _| approval::answer(tx, &id, answer, &by)))
            .await
    }

    /// Uses what the owner allowed for this call of a transcript: once, and only before it expires. Whether there was
    /// such.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn take_approval(&self, session_id: &str, call: &str) -> Result<bool, StoreError> {
        let (session_id, call) = (session_id.to_owned(), call.to_owned());
        self.call(move |db| db.write(|tx, _| approval::take(tx, &session_id, &call)))
            .await
    }

    /// A question to the owner.
    ///
    /// # Errors
    /// [`StoreError::NoSuchApproval`].
    pub async fn approval(&self, id: &str) -> Result<Approval, StoreError> {
        let id = id.to_owned();
        self.call(move |db| approval::one(db.reader(), &id)).await
    }

    /// All questions to the owner whose id begins like this, newest first.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn approvals_beginning(&self, id: &str) -> Result<Vec<Approval>, StoreError> {
        let id = id.to_owned();
        self.call(move |db| approval::beginning(db.reader(), &id))
            .await
    }

    /// The questions that wait for the owner, oldest first.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn pending_approvals(&self) -> Result<Vec<Approval>, StoreError> {
        self.call(|db| approval::pending(db.reader())).await
    }

    /// The newest questions to the owner, answered or not, newest first; no more than 200.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn newest_approvals(&self) -> Result<Vec<Approval>, StoreError> {
        self.call(|db| approval::newest(db.reader())).await
    }

    /// The questions of a transcript that wait for an answer, and those of all that allow what was not done yet, oldest
    /// first.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn open_approvals(&self, session_id: &str) -> Result<Vec<Approval>, StoreError> {
        let session_id = session_id.to_owned();
        self.call(move |db| approval::open(db.reader(), &session_id))
            .await
    }

    /// Ends the time of a question: it can no longer be answered, and allows nothing more.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn expire_approval(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.call(move |db| db.write(|tx, _| approval::expire(tx, &id)))
            .await
    }

    /// What the owner allowed and was done in a transcript, oldest first.
    ///
    /// # Errors
    /// Only those that name a file.
    pub async fn used_approvals(&self, session_id: &str) -> Result<Vec<Approval>, StoreError> {
        let session_id = session_id.to_owned();
        self.call(move |db| approval::used(db.reader(), &session_id))
            .await
    }

    async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.call(job).await
    }
}

fn check(entries: &[NewEntry]) -> Result<(), StoreError> {
    entries.iter().try_for_each(NewEntry::check)
}

/// A turn that was asked for but that nobody has been told of yet. If the asker goes away before,
/// the turn is ended: otherwise it would keep the session busy for as long as this process lives.
struct Unclaimed<'a> {
    store: &'a Store,
    turn_id: String,
    claimed: bool,
}

impl Unclaimed<'_> {
    fn claim(mut self) {
        self.claimed = true;
    }
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if !self.claimed {
            self.store.abandon_turn(&self.turn_id);
        }
    }
}

#[cfg(test)]
mod tests;
