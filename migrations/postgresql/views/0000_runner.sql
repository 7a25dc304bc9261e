-- How far each projection has come, and the events it could not apply.

CREATE TABLE tracking (
    name TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);

CREATE TABLE parked (
    projection TEXT NOT NULL,
    position BIGINT NOT NULL,
    topic TEXT NOT NULL,
    error TEXT NOT NULL,
    parked_at BIGINT NOT NULL,
    PRIMARY KEY (projection, position)
);
