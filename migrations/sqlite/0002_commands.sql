-- What commands look up and cannot find in a stream. Ids are 16 bytes, times microseconds since 1970.

-- Keyed hash of an address → whose it is. Written with the event, deleted at erasure: the log holds sealed values only.
CREATE TABLE addresses (
    keyed_hash BLOB NOT NULL PRIMARY KEY,
    shard INTEGER NOT NULL,
    subscriber BLOB NOT NULL,
    contact BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX addresses_subscriber ON addresses (subscriber);
CREATE INDEX addresses_contact ON addresses (contact);

-- Answers already given, by caller, path and Idempotency-Key; kept for a day.
CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    path TEXT NOT NULL,
    idem_key TEXT NOT NULL,
    digest BLOB NOT NULL,
    answer BLOB NOT NULL,
    kept_at BIGINT NOT NULL,
    PRIMARY KEY (caller, path, idem_key)
) WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (kept_at);

-- Every slug there is, by kind (place, topic, segment), and where a place lies.
CREATE TABLE registered (
    kind TEXT NOT NULL,
    slug TEXT NOT NULL,
    west REAL,
    south REAL,
    east REAL,
    north REAL,
    PRIMARY KEY (kind, slug)
) WITHOUT ROWID;

-- Which topic a CAP category means.
CREATE TABLE categories (
    category TEXT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL
) WITHOUT ROWID;

-- The thread of notices about an incident or service change: its first notice and its latest, issued or not.
CREATE TABLE notice_subjects (
    subject BLOB NOT NULL PRIMARY KEY,
    thread BLOB NOT NULL,
    latest BLOB NOT NULL
) WITHOUT ROWID;

-- Which incidents a CAP message (sender, identifier, sent) is about, so that a later one may refer to it.
CREATE TABLE cap_messages (
    message BLOB NOT NULL,
    ordinal INTEGER NOT NULL,
    source TEXT NOT NULL,
    incident BLOB NOT NULL,
    PRIMARY KEY (message, ordinal)
) WITHOUT ROWID;
