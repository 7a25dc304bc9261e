-- Statements of the due items. `state`: 0 planned, 1 fired, 2 cancelled; times are microseconds since 1970.

-- name: plan
-- Idempotent; a cancelled item becomes due again.
INSERT INTO due_items (kind, subject, due_at, state) VALUES (?, ?, ?, 0)
ON CONFLICT (kind, subject, due_at) DO UPDATE SET state = CASE due_items.state WHEN 2 THEN 0 ELSE due_items.state END;

-- name: cancel
UPDATE due_items SET state = 2 WHERE kind = ? AND subject = ? AND state = 0;

-- name: state
SELECT state FROM due_items WHERE kind = ? AND subject = ? AND due_at = ?;

-- name: fired
UPDATE due_items SET state = 1 WHERE kind = ? AND subject = ? AND due_at = ? AND state = 0;

-- name: due
SELECT kind, subject, due_at FROM due_items WHERE state = 0 AND due_at <= ? ORDER BY due_at LIMIT ?;

-- name: next
SELECT MIN(due_at) FROM due_items WHERE state = 0;
