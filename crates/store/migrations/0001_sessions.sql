-- Version 1: sessions, their transcripts, turns and entries.
-- Times are milliseconds since the Unix epoch, UTC. The tables are in the SQL that PostgreSQL speaks as well;
-- the triggers are SQLite's.

-- A conversation, found by its key (`agent:main:main`).
CREATE TABLE sessions (
    key        TEXT   NOT NULL PRIMARY KEY,
    agent_id   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    label      TEXT,
    settings   TEXT   NOT NULL,
    provider   TEXT,
    model      TEXT
);

-- What was said. A session has one open transcript; a reset closes it and opens another.
CREATE TABLE transcripts (
    session_id  TEXT   NOT NULL PRIMARY KEY,
    session_key TEXT   NOT NULL REFERENCES sessions (key),
    created_at  BIGINT NOT NULL,
    closed_at   BIGINT
);
CREATE UNIQUE INDEX transcripts_one_open ON transcripts (session_key) WHERE closed_at IS NULL;

-- One request of a person and everything done to answer it.
CREATE TABLE turns (
    id            TEXT   NOT NULL PRIMARY KEY,
    session_id    TEXT   NOT NULL REFERENCES transcripts (session_id),
    seq           BIGINT NOT NULL CHECK (seq >= 1),
    owner         TEXT   NOT NULL,
    state         TEXT   NOT NULL CHECK (state IN ('running', 'done', 'failed', 'aborted', 'interrupted')),
    started_at    BIGINT NOT NULL,
    finished_at   BIGINT,
    error         TEXT,
    input_tokens  BIGINT NOT NULL DEFAULT 0 CHECK (input_tokens >= 0),
    output_tokens BIGINT NOT NULL DEFAULT 0 CHECK (output_tokens >= 0),
    UNIQUE (session_id, seq),
    UNIQUE (session_id, id),
    CHECK ((state = 'running') = (finished_at IS NULL))
);
-- One turn at a time per session, whatever the program believes.
CREATE UNIQUE INDEX turns_one_running ON turns (session_id) WHERE state = 'running';

-- The lines of a transcript, in the order of seq.
CREATE TABLE entries (
    session_id TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    id         TEXT   NOT NULL,
    parent_id  TEXT,
    turn_id    TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (session_id, seq),
    UNIQUE (session_id, id),
    FOREIGN KEY (session_id, turn_id) REFERENCES turns (session_id, id),
    FOREIGN KEY (session_id, parent_id) REFERENCES entries (session_id, id)
);

-- Append-only, by the database itself. The insert trigger keeps the numbers dense and the chain linear, and closes
-- the side door of INSERT OR REPLACE, which removes rows without asking the delete trigger.
CREATE TRIGGER entries_only_appended BEFORE INSERT ON entries
WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM entries WHERE session_id = NEW.session_id)
  OR NEW.parent_id IS NOT (SELECT id FROM entries WHERE session_id = NEW.session_id AND seq = NEW.seq - 1)
  OR EXISTS (SELECT 1 FROM entries WHERE session_id = NEW.session_id AND id = NEW.id)
  OR EXISTS (SELECT 1 FROM entries WHERE rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'entries are append-only: an entry must follow the last one');
END;

CREATE TRIGGER entries_never_changed BEFORE UPDATE ON entries
BEGIN
    SELECT RAISE(ABORT, 'entries are append-only: an entry cannot be changed');
END;

CREATE TRIGGER entries_never_deleted BEFORE DELETE ON entries
BEGIN
    SELECT RAISE(ABORT, 'entries are append-only: an entry cannot be deleted');
END;
