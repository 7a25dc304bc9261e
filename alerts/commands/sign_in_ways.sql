-- Ways to sign in: by member, and by id.

-- name: of_member
SELECT id, member, kind, label, data, made_at, used_at FROM sign_in_ways WHERE member = ? ORDER BY made_at;

-- name: one
SELECT id, member, kind, label, data, made_at, used_at FROM sign_in_ways WHERE id = ?;

-- name: add
INSERT INTO sign_in_ways (id, member, kind, label, data, made_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: use
UPDATE sign_in_ways SET data = ?, used_at = ? WHERE id = ? AND data = ?;

-- name: drop
DELETE FROM sign_in_ways WHERE id = ? AND member = ?;

-- name: drop_kind
DELETE FROM sign_in_ways WHERE member = ? AND kind = ?;

-- name: drop_all
DELETE FROM sign_in_ways WHERE member = ?;
