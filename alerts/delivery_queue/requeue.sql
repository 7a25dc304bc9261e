-- Statements of the requeue: technically failed deliveries that may be tried again.
--
-- Numbers (row_format.py):
--   state, ended: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
--   flags: 1 FOLLOW_UP, 2 MAY_WAKE, 4 DID_WAKE, 8 LATE_JOINER, 16 IN_DOUBT, 32 TEAM, 64 DIGEST, 128 IMMEDIATE,
--       256 HAS_RECEIPT, 512 OUTAGE
--   lane: 0 emergency, 1 transactional, 2 notice, 3 bulletin
--   channel: place in CHANNELS of alerts/kernel/terms.py
--   kind: 0 notice, 1 confirmations, 2 help, 3 team, 4 device, 5 fresh, 6 answers, 7 joined, 8 stopped,
--       9 tests, 10 yearly

-- name: failed
-- Only of dispatches that have not ended or expired: nothing more of the others may be sent.
SELECT j.notice, j.notice_id, j.kind, SUM(t.amount), j.issued_at
FROM tallies t JOIN jobs j ON j.notice = t.notice
WHERE t.state = ? AND j.ended IS NULL AND j.expires > ?
GROUP BY j.notice, j.notice_id, j.kind, j.issued_at HAVING SUM(t.amount) > 0 ORDER BY j.notice

-- name: failed_channels
SELECT DISTINCT t.channel FROM tallies t JOIN jobs j ON j.notice = t.notice
WHERE t.state = ? AND t.amount <> 0 AND j.ended IS NULL AND j.expires > ?

-- name: failed_in_channel
SELECT j.notice_id FROM tallies t JOIN jobs j ON j.notice = t.notice
WHERE t.state = ? AND t.channel = ? AND j.ended IS NULL AND j.expires > ?
GROUP BY j.notice, j.notice_id HAVING SUM(t.amount) > 0 ORDER BY j.notice

-- name: job
SELECT notice, kind, ended, ended_reason, expires FROM jobs WHERE notice_id = ?

-- name: rows
SELECT shard, contact, channel, tries, last_at, reason FROM deliveries
WHERE shard IN (?*) AND notice = ? AND state = ? ORDER BY shard, contact LIMIT ?

-- name: tried_rows
-- Only rows that a provider was tried for: one that could not be written would fail again.
SELECT shard, contact, channel, tries, last_at, reason FROM deliveries
WHERE shard IN (?*) AND notice = ? AND state = ? AND channel = ? AND tries > 0 AND last_at < ?
ORDER BY shard, contact LIMIT ?

-- name: longest_parked
SELECT shard, contact, last_at FROM deliveries
WHERE shard IN (?*) AND notice = ? AND state = ? AND channel = ? AND tries > 0 AND last_at < ?
ORDER BY last_at LIMIT 1

-- name: tried_row
SELECT shard, contact, channel, tries, last_at, reason FROM deliveries
WHERE shard = ? AND notice = ? AND state = ? AND contact = ?

-- name: release_waiting
-- What waits for its provider's sake: queued ones that found none to be had, and those deferred by its outage (512).
UPDATE deliveries SET due_at = ?
WHERE shard BETWEEN ? AND ? AND lane IN (0, 1, 2, 3) AND due_at > ? AND channel = ?
  AND (state = 0 OR (state = 5 AND (flags & 512) <> 0))

-- name: deferred_by_outage
SELECT shard, notice, contact FROM deliveries
WHERE shard BETWEEN ? AND ? AND lane = ? AND due_at > ? AND channel = ? AND state = 5 AND (flags & 512) <> 0
ORDER BY due_at LIMIT 1

-- name: release_one
UPDATE deliveries SET due_at = ? WHERE shard = ? AND notice = ? AND contact = ? AND due_at > ? AND state = 5

-- name: attempt
INSERT INTO attempts (shard, notice, contact, attempt, started, outcome, reason) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (shard, notice, contact, attempt) DO NOTHING

-- name: queue
UPDATE deliveries SET state = ?, due_at = ?, reason = NULL WHERE shard = ? AND notice = ? AND contact = ? AND state = ?

-- name: tally
INSERT INTO tallies (notice, channel, state, worker, amount) VALUES (?, ?, ?, 0, ?)
ON CONFLICT (notice, channel, state, worker) DO UPDATE SET amount = tallies.amount + excluded.amount

-- name: open
UPDATE jobs SET done = 0 WHERE notice = ?
