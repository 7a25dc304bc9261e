-- Canaries: one row per channel. Times are microseconds since 1970; `result` is a word.

-- name: begin
-- Takes the turn: one of all processes, every few minutes.
INSERT INTO canaries (channel, begun_at, turn, result, reason, took_ms) VALUES (?, ?, ?, '', '', 0)
ON CONFLICT (channel) DO UPDATE SET begun_at = excluded.begun_at, turn = excluded.turn WHERE canaries.begun_at <= ?

-- name: begun
SELECT begun_at, turn FROM canaries WHERE channel = ?

-- name: ended
UPDATE canaries SET result = ?, reason = ?, took_ms = ?, well_at = COALESCE(?, well_at)
WHERE channel = ? AND turn = ?

-- name: all
SELECT channel, begun_at, result, reason, took_ms, well_at FROM canaries ORDER BY channel
