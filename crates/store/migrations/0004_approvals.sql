-- Version 4: what the owner was asked about, and what was answered, wherever that was.
CREATE TABLE approvals (
    id          TEXT   NOT NULL PRIMARY KEY,
    session_key TEXT   NOT NULL REFERENCES sessions (key),
    session_id  TEXT   NOT NULL REFERENCES transcripts (session_id),
    call        TEXT   NOT NULL,
    question    TEXT   NOT NULL,
    asked_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    answer      TEXT   CHECK (answer IN ('allow-once', 'allow-always', 'deny')),
    answered_by TEXT,
    answered_at BIGINT,
    used_at     BIGINT,
    CHECK ((answer IS NULL) = (answered_at IS NULL)),
    CHECK ((answer IS NULL) = (answered_by IS NULL)),
    CHECK (used_at IS NULL OR answer IN ('allow-once', 'allow-always'))
);
CREATE INDEX approvals_by_call ON approvals (session_id, call);
CREATE INDEX approvals_by_time ON approvals (asked_at);
