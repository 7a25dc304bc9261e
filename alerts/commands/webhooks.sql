-- Rows of outgoing webhooks, written with the events of their commands.

-- name: count
SELECT COUNT(*) FROM webhooks;

-- name: position
SELECT position FROM webhooks WHERE id = ?;

-- name: turn
-- Turn of an active webhook.
SELECT turn FROM webhooks WHERE id = ? AND active = 1;

-- name: add
INSERT INTO webhooks (id, created, position, turn, active, tries, held_until) VALUES (?, ?, ?, 0, 1, 0, 0);

-- name: replay
UPDATE webhooks
SET position = ?, turn = turn + 1, active = 1, tries = 0, failing_since = NULL, due_at = NULL, reason = NULL
WHERE id = ?;

-- name: disable
UPDATE webhooks SET active = 0, reason = ?, due_at = NULL WHERE id = ?;

-- name: remove
DELETE FROM webhooks WHERE id = ?;
