-- What proves that the log is as it was. Kept apart from it, and only ever added to.

-- The leaf hashes of events in the order of their positions, with what names each event; sealed against changes.
-- first_leaf is the number of leaves before this batch.
CREATE TABLE leaf_batches (
    first_leaf BIGINT NOT NULL PRIMARY KEY,
    leaf_count BIGINT NOT NULL,
    leaves BYTEA NOT NULL,
    seal BYTEA NOT NULL
);

-- Signed tree heads: how many leaves, since when, the peaks that their root follows from (32 bytes each).
CREATE TABLE checkpoints (
    number BIGINT NOT NULL PRIMARY KEY,
    tree_size BIGINT NOT NULL,
    at BIGINT NOT NULL,
    peaks BYTEA NOT NULL,
    signature BYTEA NOT NULL
);
