-- Pages of letters and lines of call lists, ready for people: sealed under the reader's own key. `delivery` is the public
-- id, `outcome` 0 sent, 1 failed, NULL while nobody has marked it. Times are microseconds since 1970.
CREATE TABLE print_pages (
    notice BIGINT NOT NULL,
    contact BIGINT NOT NULL,
    channel BIGINT NOT NULL,
    subject BYTEA NOT NULL,
    delivery TEXT NOT NULL,
    urgent BIGINT NOT NULL,
    at BIGINT NOT NULL,
    expires BIGINT,
    sealed BYTEA NOT NULL,
    batch BYTEA,
    outcome BIGINT,
    reason TEXT,
    marked_at BIGINT,
    marked_by TEXT,
    PRIMARY KEY (notice, contact)
);
CREATE INDEX print_pages_by_batch ON print_pages (batch, at);
CREATE INDEX print_pages_by_subject ON print_pages (subject);

CREATE TABLE print_batches (
    id BYTEA NOT NULL PRIMARY KEY,
    channel BIGINT NOT NULL,
    at BIGINT NOT NULL,
    made_by TEXT NOT NULL
);
