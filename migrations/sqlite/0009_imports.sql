-- How far the import of a file has come, by the SHA-256 of its bytes: written with the events of each page, so that an
-- import goes on where it was broken off. One row a file.
CREATE TABLE imports (
    digest TEXT NOT NULL PRIMARY KEY,
    run INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    started_position BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    done BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    known BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    finished INTEGER NOT NULL
) WITHOUT ROWID;
