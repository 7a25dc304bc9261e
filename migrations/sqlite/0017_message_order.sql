-- `sent` of the latest message about an incident or service change, in microseconds: an older one is not sent.
CREATE TABLE latest_messages (
    subject BLOB NOT NULL PRIMARY KEY,
    sent INTEGER NOT NULL
) WITHOUT ROWID;

-- CAP messages that a later message of the same source named before they arrived: the later one's incident (empty for a
-- parked Cancel or all-clear), trigger, status and `sent`.
CREATE TABLE cap_early_references (
    source TEXT NOT NULL,
    message BLOB NOT NULL,
    incident BLOB NOT NULL,
    trigger_id BLOB NOT NULL,
    status TEXT NOT NULL,
    sent INTEGER NOT NULL,
    PRIMARY KEY (source, message, incident, trigger_id)
) WITHOUT ROWID;
