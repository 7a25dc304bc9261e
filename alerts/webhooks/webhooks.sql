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

-- name: active
-- Webhooks to post for.
SELECT id, position, turn, tries, failing_since, due_at, holder, held_until FROM webhooks WHERE active = 1 ORDER BY id;

-- name: hold
UPDATE webhooks SET holder = ?, held_until = ? WHERE id = ?;

-- name: release
UPDATE webhooks SET held_until = 0 WHERE holder = ?;

-- name: taken
-- Only the lease holder moves the cursor, and only within the turn in which it began.
UPDATE webhooks
SET position = ?, taken_at = COALESCE(?, taken_at), tries = 0, failing_since = NULL, due_at = NULL, reason = NULL
WHERE id = ? AND holder = ? AND turn = ?;

-- name: failed
UPDATE webhooks
SET position = ?, tries = ?, failing_since = ?, due_at = ?, reason = ?
WHERE id = ? AND holder = ? AND turn = ?;

-- name: listed
SELECT created, id, position, active, tries, failing_since, due_at, reason, taken_at FROM webhooks
WHERE created < ? ORDER BY created DESC LIMIT ?;

-- name: one
SELECT created, id, position, active, tries, failing_since, due_at, reason, taken_at FROM webhooks WHERE id = ?;

-- name: behind
-- Cursor of the slowest active webhook.
SELECT MIN(position) FROM webhooks WHERE active = 1;

-- name: count
SELECT COUNT(*) FROM webhooks;

-- name: log_end
SELECT COALESCE(MAX(position), 0) FROM events;
