-- Browsers of team members that show the team's notifications: by member, and by id. Times are microseconds since 1970.

-- name: of_member
SELECT id, member, label, address, made_at FROM team_devices WHERE member = ? ORDER BY made_at;

-- name: one
SELECT id, member, label, address, made_at FROM team_devices WHERE id = ?;

-- name: of_origin
-- The browser that was added by this id, whatever its subscription is now.
SELECT id, member, label, address, made_at FROM team_devices WHERE origin = ? AND member = ?;

-- name: origin
SELECT origin FROM team_devices WHERE id = ? AND member = ?;

-- name: add
INSERT INTO team_devices (id, member, label, address, made_at, origin) VALUES (?, ?, ?, ?, ?, ?);

-- name: drop
DELETE FROM team_devices WHERE id = ?;

-- name: drop_all
DELETE FROM team_devices WHERE member = ?;

-- name: waits
-- When a browser that failed is asked again; no row for one that works.
SELECT failures, retry_at FROM team_devices WHERE id = ? AND failures > 0;

-- name: claim
-- Of the processes that find a wait over, one asks the browser.
UPDATE team_devices SET retry_at = ? WHERE id = ? AND failures > 0 AND retry_at <= ? RETURNING failures;

-- name: failed
UPDATE team_devices SET failures = failures + 1, retry_at = ? WHERE id = ? AND failures = ? RETURNING failures;

-- name: worked
UPDATE team_devices SET failures = 0, retry_at = 0 WHERE id = ? AND failures > 0;
