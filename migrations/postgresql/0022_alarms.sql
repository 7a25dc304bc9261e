-- Alarms of which the team was told, so that one process alone tells it, and says so when it is well again.
CREATE TABLE alarms (
    name TEXT NOT NULL PRIMARY KEY,
    words TEXT NOT NULL,
    since BIGINT NOT NULL
);
