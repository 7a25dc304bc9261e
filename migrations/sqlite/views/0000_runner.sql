-- How far each projection has come, and the events it could not apply.

CREATE TABLE tracking (
    name TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE parked (
    projection TEXT NOT NULL,
    position INTEGER NOT NULL,
    topic TEXT NOT NULL,
    error TEXT NOT NULL,
    parked_at INTEGER NOT NULL,
    PRIMARY KEY (projection, position)
) WITHOUT ROWID;
