-- Version 3: work that a conversation gave to a sub-agent, until the conversation has been told what came of it.
-- A session that was put away is left out of lists; its transcript stays.
ALTER TABLE sessions ADD COLUMN archived_at BIGINT;

CREATE TABLE subagent_runs (
    id            TEXT   NOT NULL PRIMARY KEY,
    requester_key TEXT   NOT NULL REFERENCES sessions (key),
    child_key     TEXT   NOT NULL REFERENCES sessions (key),
    owner         TEXT   NOT NULL,
    state         TEXT   NOT NULL CHECK (state IN ('running', 'ended', 'interrupted')),
    task          TEXT   NOT NULL,
    outcome       TEXT,
    started_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    announced_at  BIGINT,
    CHECK ((state = 'running') = (ended_at IS NULL)),
    CHECK ((state = 'ended') = (outcome IS NOT NULL))
);
CREATE INDEX subagent_runs_by_requester ON subagent_runs (requester_key, started_at);
