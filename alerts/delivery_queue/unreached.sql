-- People whom a notice did not reach by any way.
--
-- Numbers (row_format.py):
--   state: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
--   flags: 1 FOLLOW_UP, 2 MAY_WAKE, 4 DID_WAKE, 8 LATE_JOINER, 16 IN_DOUBT, 32 TEAM, 64 DIGEST, 128 IMMEDIATE,
--       256 HAS_RECEIPT, 512 OUTAGE
--   channel: place in CHANNELS of alerts/kernel/terms.py

-- No statement joins `addresses` to `deliveries`: under Citus these are spread over the nodes, and those are not.

-- name: failed
-- Failed rows that are not the team's (32).
SELECT contact FROM deliveries
WHERE notice = ? AND shard IN (?*) AND state IN (6, 7, 8, 9) AND (flags & 32) = 0 ORDER BY shard, contact

-- name: owners
SELECT contact, subscriber FROM addresses WHERE contact IN (?*)

-- name: contacts_of
SELECT contact, subscriber FROM addresses WHERE subscriber IN (?*)

-- name: left_or_may
WITH wanted (shard, contact) AS (VALUES ?**)
SELECT d.contact FROM wanted w
JOIN deliveries d ON d.shard = w.shard AND d.contact = w.contact AND d.notice = ? AND d.state < 6

-- name: row
SELECT contact, state, channel, flags, tries, last_at, reason FROM deliveries
WHERE shard = ? AND notice = ? AND contact = ?

-- name: rows
WITH wanted (shard, contact) AS (VALUES ?**)
SELECT d.contact, d.state, d.channel, d.flags, d.tries, d.last_at, d.reason FROM wanted w
JOIN deliveries d ON d.shard = w.shard AND d.contact = w.contact AND d.notice = ?

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
