-- Residents' reports and their words on notices: the state of each stream, as msgpack; `sealed` is the log's own
-- ciphertext of what they wrote.

CREATE TABLE reports (
    id BLOB NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    receipt TEXT NOT NULL,
    phase TEXT NOT NULL,
    contact BIGINT,
    handled_at BIGINT,
    doc BLOB NOT NULL,
    sealed BLOB
);
CREATE INDEX reports_by_receipt ON reports (receipt);
CREATE INDEX reports_by_phase ON reports (phase, created);
CREATE INDEX reports_by_created ON reports (created);
CREATE INDEX reports_by_contact ON reports (contact);

CREATE TABLE feedback (
    id BLOB NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    notice BLOB NOT NULL,
    useful BIGINT NOT NULL,
    not_useful BIGINT NOT NULL,
    written BIGINT NOT NULL,
    doc BLOB NOT NULL,
    sealed BLOB
);
CREATE INDEX feedback_by_notice ON feedback (notice, created);
