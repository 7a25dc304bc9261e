-- Wrong confirmation codes by contact point.

-- name: tries
SELECT tries FROM code_tries WHERE contact = ? AND at > ?;

-- name: count
INSERT INTO code_tries (contact, tries, at) VALUES (?, ?, ?)
ON CONFLICT (contact) DO UPDATE SET tries = excluded.tries, at = excluded.at;

-- name: forget
DELETE FROM code_tries WHERE at <= ?;
