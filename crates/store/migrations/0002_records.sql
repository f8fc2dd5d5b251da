-- Version 2: what was learned and may be forgotten: facts about servers, cooldowns. One JSON text for each name.
CREATE TABLE records (
    kind       TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (kind, key)
);
