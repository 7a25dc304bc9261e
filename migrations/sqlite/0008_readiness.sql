-- That the disk takes writes is shown by writing: /readyz moves the one row of its process's database.
CREATE TABLE heartbeats (
    name TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
