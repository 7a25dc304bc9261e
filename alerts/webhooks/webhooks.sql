-- Cursors of outgoing webhooks. Rows are added, replayed, disabled and removed by alerts/commands/webhooks.sql.

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
WHERE created < ? ORDER BY created DESC;

-- name: one
SELECT created, id, position, active, tries, failing_since, due_at, reason, taken_at FROM webhooks WHERE id = ?;

-- name: behind
-- Cursor of the slowest active webhook.
SELECT MIN(position) FROM webhooks WHERE active = 1;
