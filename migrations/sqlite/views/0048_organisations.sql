-- Organisations, as the other registers: the state of each stream, as msgpack, by slug.

CREATE TABLE organisations (
    id BLOB NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    slug TEXT NOT NULL,
    retired INTEGER NOT NULL,
    doc BLOB NOT NULL
);
CREATE INDEX organisations_by_slug ON organisations (slug);
