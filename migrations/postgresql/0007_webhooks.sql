-- How far each outgoing webhook has come. Written with its events and by whoever posts; times are microseconds since
-- 1970, ids 16 bytes. `created` is the log position of its adding; `turn` counts replays, so that what was under way
-- before one cannot move the position after it.
CREATE TABLE webhooks (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    turn INTEGER NOT NULL,
    active INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    failing_since BIGINT,
    due_at BIGINT,
    reason TEXT,
    taken_at BIGINT,
    holder TEXT,
    held_until BIGINT NOT NULL
);
CREATE INDEX webhooks_by_created ON webhooks (created);
