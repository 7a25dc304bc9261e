-- Progress of subscriber imports, by the digest of the file. Times are microseconds since 1970.

-- name: progress
SELECT run, started_at, started_position, row_count, done, taken, known, refused, finished FROM imports WHERE digest = ?;

-- name: begin
INSERT INTO imports (digest, run, started_at, started_position, row_count, done, taken, known, refused, finished)
VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0)
ON CONFLICT (digest) DO UPDATE SET
    run = excluded.run,
    started_at = excluded.started_at,
    started_position = excluded.started_position,
    done = 0,
    taken = 0,
    known = 0,
    refused = 0,
    finished = 0;

-- name: advance
UPDATE imports SET done = ?, taken = ?, known = ?, refused = ? WHERE digest = ?;

-- name: finish
UPDATE imports SET finished = 1 WHERE digest = ?;
