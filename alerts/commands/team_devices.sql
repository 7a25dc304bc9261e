-- Browsers of team members that show the team's notifications: by member, and by id.

-- name: of_member
SELECT id, member, label, address, made_at FROM team_devices WHERE member = ? ORDER BY made_at;

-- name: one
SELECT id, member, label, address, made_at FROM team_devices WHERE id = ?;

-- name: add
INSERT INTO team_devices (id, member, label, address, made_at) VALUES (?, ?, ?, ?, ?);

-- name: drop
DELETE FROM team_devices WHERE id = ?;

-- name: drop_all
DELETE FROM team_devices WHERE member = ?;
