-- What commands look up and cannot find in a stream. Ids are 16 bytes, times microseconds since 1970.

-- Keyed hash of an address → whose it is. Written with the event, deleted at erasure: the log holds sealed values only.
CREATE TABLE addresses (
    keyed_hash BYTEA NOT NULL PRIMARY KEY,
    shard INTEGER NOT NULL,
    subscriber BYTEA NOT NULL,
    contact BIGINT NOT NULL
);
CREATE INDEX addresses_subscriber ON addresses (subscriber);
CREATE INDEX addresses_contact ON addresses (contact);

-- Answers already given, by caller, path and Idempotency-Key; kept for a day.
CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    path TEXT NOT NULL,
    idem_key TEXT NOT NULL,
    digest BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    kept_at BIGINT NOT NULL,
    PRIMARY KEY (caller, path, idem_key)
);
CREATE INDEX idempotency_age ON idempotency (kept_at);

-- Every slug there is, by kind (place, topic, segment), and where a place lies.
CREATE TABLE registered (
    kind TEXT NOT NULL,
    slug TEXT NOT NULL,
    west DOUBLE PRECISION,
    south DOUBLE PRECISION,
    east DOUBLE PRECISION,
    north DOUBLE PRECISION,
    PRIMARY KEY (kind, slug)
);

-- Which topic a CAP category means.
CREATE TABLE categories (
    category TEXT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL
);

-- The thread of notices about an incident or service change: its first notice and its latest, issued or not.
CREATE TABLE notice_subjects (
    subject BYTEA NOT NULL PRIMARY KEY,
    thread BYTEA NOT NULL,
    latest BYTEA NOT NULL
);

-- Which incidents a CAP message (sender, identifier, sent) is about, so that a later one may refer to it.
CREATE TABLE cap_messages (
    message BYTEA NOT NULL,
    ordinal INTEGER NOT NULL,
    source TEXT NOT NULL,
    incident BYTEA NOT NULL,
    PRIMARY KEY (message, ordinal)
);
