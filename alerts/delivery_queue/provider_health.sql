-- Provider health reported by each worker; `channel` is its name, `health` JSON, `seen_at` microseconds.

-- name: keep
INSERT INTO provider_states (worker, channel, seen_at, health) VALUES (?, ?, ?, ?)
ON CONFLICT (worker, channel) DO UPDATE SET seen_at = excluded.seen_at, health = excluded.health

-- name: forget
DELETE FROM provider_states WHERE seen_at < ?

-- name: told
SELECT channel, health FROM provider_states WHERE seen_at >= ? ORDER BY seen_at

-- name: told_by_others
SELECT channel, health FROM provider_states WHERE seen_at >= ? AND worker <> ?
