-- `sent` of the latest message about an incident or service change, in microseconds: an older one is not sent.
CREATE TABLE latest_messages (
    subject BYTEA NOT NULL PRIMARY KEY,
    sent BIGINT NOT NULL
);

-- CAP messages that a later message of the same source named before they arrived: the later one's incident (empty for a
-- parked Cancel or all-clear), trigger, status and `sent`.
CREATE TABLE cap_early_references (
    source TEXT NOT NULL,
    message BYTEA NOT NULL,
    incident BYTEA NOT NULL,
    trigger_id BYTEA NOT NULL,
    status TEXT NOT NULL,
    sent BIGINT NOT NULL,
    PRIMARY KEY (source, message, incident, trigger_id)
);
