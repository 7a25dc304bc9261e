-- Pages of letters and lines of call lists, ready for people: sealed under the reader's own key. `delivery` is the public
-- id, `outcome` 0 sent, 1 failed, NULL while nobody has marked it. Times are microseconds since 1970.
CREATE TABLE print_pages (
    notice INTEGER NOT NULL,
    contact INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    subject BLOB NOT NULL,
    delivery TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    at INTEGER NOT NULL,
    expires INTEGER,
    sealed BLOB NOT NULL,
    batch BLOB,
    outcome INTEGER,
    reason TEXT,
    marked_at INTEGER,
    marked_by TEXT,
    PRIMARY KEY (notice, contact)
);
CREATE INDEX print_pages_by_batch ON print_pages (batch, at);
CREATE INDEX print_pages_by_subject ON print_pages (subject);

CREATE TABLE print_batches (
    id BLOB NOT NULL PRIMARY KEY,
    channel INTEGER NOT NULL,
    at INTEGER NOT NULL,
    made_by TEXT NOT NULL
);
