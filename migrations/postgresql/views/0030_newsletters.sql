-- Newsletters, as the other registers: the state of each stream, as msgpack, by slug.

CREATE TABLE newsletters (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    slug TEXT NOT NULL,
    ended INTEGER NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX newsletters_by_slug ON newsletters (slug);
