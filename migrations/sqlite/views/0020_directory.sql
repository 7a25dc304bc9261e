-- The directory: people and contact points. Nothing personal stands here in clear: `doc` is the state without personal
-- fields, and addresses, wishes and consent are the log's own ciphertexts, readable while the person's key lives.
-- `shard` (0-255) is in each key as on PostgreSQL, but behind: ids and numbers only grow, so that rows are added at the
-- table's end and not in 256 places (twice as fast).
CREATE TABLE people (
    shard INTEGER NOT NULL,
    id BLOB NOT NULL,
    phase TEXT NOT NULL,
    doc BLOB NOT NULL,
    sealed BLOB,
    wishes BLOB,
    consent BLOB,
    PRIMARY KEY (id, shard)
) WITHOUT ROWID;

-- `sealed` NULL: the address stands in the person's own `people.sealed` (as it does after a registration).
CREATE TABLE contact_points (
    shard INTEGER NOT NULL,
    number BIGINT NOT NULL,
    subscriber BLOB NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    suppressed TEXT,
    sealed BLOB,
    PRIMARY KEY (number, shard)
) WITHOUT ROWID;

CREATE TABLE people_counts (
    phase TEXT NOT NULL PRIMARY KEY,
    people BIGINT NOT NULL
);
