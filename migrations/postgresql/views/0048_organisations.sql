-- Organisations, as the other registers: the state of each stream, as msgpack, by slug.

CREATE TABLE organisations (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    slug TEXT NOT NULL,
    retired INTEGER NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX organisations_by_slug ON organisations (slug);
