-- The log, and what reactors and sequences need beside it. Nothing here can be computed again.

CREATE TABLE events (
    position BIGINT PRIMARY KEY,
    originator_id BYTEA NOT NULL,
    originator_version BIGINT NOT NULL,
    topic TEXT NOT NULL,
    state BYTEA NOT NULL,
    UNIQUE (originator_id, originator_version)
);

-- Positions come from here, under the append lock: a position is never given twice, whatever is deleted.
CREATE SEQUENCE events_position OWNED BY events.position;

-- How far each reactor has come; its effects are written in the same transaction.
CREATE TABLE tracking (
    name TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);

-- Sequences: notices, contact points.
CREATE TABLE numbers (
    name TEXT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL
);

-- Which generation of the read models is the one that is read.
CREATE TABLE pointers (
    name TEXT NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
);

INSERT INTO pointers (name, generation) VALUES ('views', 1);
