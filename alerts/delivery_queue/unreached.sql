-- People whom a notice did not reach by any way.
--
-- Numbers (row_format.py):
--   state: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
--   flags: 1 FOLLOW_UP, 2 MAY_WAKE, 4 DID_WAKE, 8 LATE_JOINER, 16 IN_DOUBT, 32 TEAM, 64 DIGEST, 128 IMMEDIATE,
--       256 HAS_RECEIPT, 512 OUTAGE
--   channel: place in CHANNELS of alerts/kernel/terms.py

-- name: failed
SELECT contact, flags FROM deliveries WHERE shard = ? AND notice = ? AND state IN (6, 7, 8, 9) ORDER BY contact

-- name: row
SELECT state, channel, flags, tries, last_at, reason FROM deliveries WHERE shard = ? AND notice = ? AND contact = ?

-- name: unreachable
SELECT people FROM unreachable_people WHERE notice = ?

-- name: keep_unreachable
INSERT INTO unreachable_people (notice, expires, people) VALUES (?, ?, ?) ON CONFLICT (notice) DO NOTHING

-- name: into_call
-- A text that failed becomes a call: the same delivery, carried out by a person.
UPDATE deliveries SET channel = ?, state = 0, flags = ?, due_at = ?, worker = NULL, reason = NULL
WHERE shard = ? AND notice = ? AND contact = ? AND state = ?

-- name: attempt
INSERT INTO attempts (shard, notice, contact, attempt, started, outcome, reason) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (shard, notice, contact, attempt) DO NOTHING

-- name: tally
INSERT INTO tallies (notice, channel, state, worker, amount) VALUES (?, ?, ?, 0, ?)
ON CONFLICT (notice, channel, state, worker) DO UPDATE SET amount = tallies.amount + excluded.amount

-- name: open
UPDATE jobs SET done = 0 WHERE notice = ?

-- name: close_retries
-- A delivery that waits for its channel is not tried any more once the person was spoken with.
UPDATE deliveries SET state = 6, reason = ? WHERE shard = ? AND notice = ? AND contact = ? AND state = 7
