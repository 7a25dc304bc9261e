-- Addresses that were asked for a confirmation in the last 24 hours, by keyed hash, with the contact point that was asked.
-- Kept apart from the person: an erasure does not make it forget, so that nobody is asked twice a day.
CREATE TABLE asked_addresses (
    keyed_hash BYTEA NOT NULL PRIMARY KEY,
    contact BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE INDEX asked_addresses_by_at ON asked_addresses (at);

-- Contact points whose confirmation is not sent, because their address was asked already.
CREATE TABLE unasked_contacts (
    contact BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
