-- The log, and what reactors and sequences need beside it. Nothing here can be computed again.

-- AUTOINCREMENT: a position is never given twice, whatever is deleted.
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    originator_id BLOB NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (originator_id, originator_version)
);

-- How far each reactor has come; its effects are written in the same transaction.
CREATE TABLE tracking (
    name TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

-- Sequences: notices, contact points.
CREATE TABLE numbers (
    name TEXT NOT NULL PRIMARY KEY,
    last_number INTEGER NOT NULL
) WITHOUT ROWID;

-- Which generation of the read models is the one that is read.
CREATE TABLE pointers (
    name TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO pointers (name, generation) VALUES ('views', 1);
