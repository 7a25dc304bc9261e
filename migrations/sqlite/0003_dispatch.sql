-- The queue and what belongs to it. Times are microseconds since 1970, ids 16 bytes, states and channels their place
-- in DELIVERY_STATES and CHANNELS (alerts/kernel/terms.py), flags bits (alerts/delivery_queue/row_format.py).

-- One dispatch: of one notice (kind 0), or of one day's confirmations (kind 1).
CREATE TABLE jobs (
    notice INTEGER PRIMARY KEY,
    notice_id BLOB NOT NULL,
    thread BLOB NOT NULL,
    kind INTEGER NOT NULL,
    day INTEGER,
    lane INTEGER NOT NULL,
    log_position BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    pages INTEGER NOT NULL,
    next_page INTEGER NOT NULL,
    people INTEGER NOT NULL,
    unreachable INTEGER NOT NULL,
    contacts INTEGER NOT NULL,
    late INTEGER NOT NULL,
    ended INTEGER,
    ended_reason TEXT,
    first_at BIGINT,
    done INTEGER NOT NULL
);
CREATE INDEX jobs_thread ON jobs (thread);
CREATE INDEX jobs_open ON jobs (lane, notice) WHERE done = 0;
CREATE UNIQUE INDEX jobs_day ON jobs (kind, day) WHERE day IS NOT NULL;

-- The frozen audience: contact point numbers (int64, by shard and number) and one byte of flags each, a page a row.
CREATE TABLE audiences (
    notice INTEGER NOT NULL,
    page INTEGER NOT NULL,
    first_shard INTEGER NOT NULL,
    last_shard INTEGER NOT NULL,
    contacts BLOB NOT NULL,
    channels BLOB NOT NULL,
    flags BLOB NOT NULL,
    PRIMARY KEY (notice, page)
) WITHOUT ROWID;

-- The queue. `due_at` is set on what waits for a time: held, deferred, and what is to be taken again.
CREATE TABLE deliveries (
    shard INTEGER NOT NULL,
    notice INTEGER NOT NULL,
    contact BIGINT NOT NULL,
    lane INTEGER NOT NULL,
    state INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at BIGINT,
    first_at BIGINT,
    last_at BIGINT,
    worker INTEGER,
    reason TEXT,
    PRIMARY KEY (shard, notice, contact)
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (lane, due_at) WHERE due_at IS NOT NULL;

-- Attempts that did not settle their delivery (the last one stands in its row).
CREATE TABLE attempts (
    shard INTEGER NOT NULL,
    notice INTEGER NOT NULL,
    contact BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    started BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (shard, notice, contact, attempt)
) WITHOUT ROWID;

-- How many rows of a dispatch stand in which state; one row a worker, so that two never wait for each other: add them up.
CREATE TABLE tallies (
    notice INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    state INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (notice, channel, state, worker)
) WITHOUT ROWID;

-- How long after the issue messages were handed over: a histogram with buckets 5 % apart.
CREATE TABLE latencies (
    notice INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (notice, bucket, worker)
) WITHOUT ROWID;

-- Processes that hold claims; one that no longer says that it is alive leaves its claims in doubt.
CREATE TABLE workers (
    worker INTEGER PRIMARY KEY,
    alive_until BIGINT NOT NULL
);

-- How far each reactor has come; its row is also the fence between two processes.
CREATE TABLE reactors (
    name TEXT PRIMARY KEY,
    log_position BIGINT NOT NULL
);

-- What is to happen at a time. state 0 planned, 1 fired, 2 cancelled.
CREATE TABLE due_items (
    kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    due_at BIGINT NOT NULL,
    state INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, due_at)
) WITHOUT ROWID;
CREATE INDEX due_items_next ON due_items (due_at) WHERE state = 0;
