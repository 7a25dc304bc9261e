-- The directory: people and contact points. Nothing personal stands here in clear: `doc` is the state without personal
-- fields, and addresses, wishes and consent are the log's own ciphertexts, readable while the person's key lives.
-- `shard` (0-255) leads each key, so that the tables can be distributed by it.
CREATE TABLE people (
    shard INTEGER NOT NULL,
    id BYTEA NOT NULL,
    phase TEXT NOT NULL,
    doc BYTEA NOT NULL,
    sealed BYTEA,
    wishes BYTEA,
    consent BYTEA,
    PRIMARY KEY (shard, id)
);
-- For lists in the order of registration.
CREATE INDEX people_by_id ON people (id);

-- `sealed` NULL: the address stands in the person's own `people.sealed` (as it does after a registration).
CREATE TABLE contact_points (
    shard INTEGER NOT NULL,
    number BIGINT NOT NULL,
    subscriber BYTEA NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    suppressed TEXT,
    sealed BYTEA,
    PRIMARY KEY (shard, number)
);

CREATE TABLE people_counts (
    phase TEXT NOT NULL PRIMARY KEY,
    people BIGINT NOT NULL
);
