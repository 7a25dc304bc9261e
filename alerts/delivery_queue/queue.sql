-- Statements of the delivery queue. Every one that touches deliveries names the shard or a range of shards.
--
-- Numbers (row_format.py; `paused`: bounce_pause.py, 0 is neither):
--   state, ended: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
--   flags: 1 FOLLOW_UP, 2 MAY_WAKE, 4 DID_WAKE, 8 LATE_JOINER, 16 IN_DOUBT, 32 TEAM, 64 DIGEST, 128 IMMEDIATE,
--       256 HAS_RECEIPT, 512 OUTAGE
--   channel: place in CHANNELS of alerts/kernel/terms.py
--   lane: 0 emergency, 1 transactional, 2 notice, 3 bulletin
--   kind: 0 notice, 1 confirmations, 2 help, 3 team, 4 device, 5 fresh, 6 answers, 7 joined, 8 stopped,
--       9 tests, 10 yearly
--   paused: 1 PAUSED, 2 RESUMED

-- name: job_insert
INSERT INTO jobs (notice, notice_id, thread, kind, day, lane, log_position, issued_at, expires, pages, next_page,
                  people, unreachable, contacts, late, ended, ended_reason, done)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 0, ?, ?, 0)

-- name: jobs_open
SELECT j.notice, j.kind, j.lane, j.pages, j.next_page, j.contacts, j.expires, j.ended, j.ended_reason, a.last_shard,
       j.paused
FROM jobs j LEFT JOIN audiences a ON a.notice = j.notice AND a.page = j.next_page - 1
WHERE j.done = 0 ORDER BY j.lane, j.notice

-- name: job_progress
SELECT log_position, issued_at, pages, next_page, people, unreachable, contacts, late, ended, ended_reason, first_at,
       paused
FROM jobs WHERE notice = ?

-- name: job_head
SELECT notice_id, kind, issued_at, first_at, lane FROM jobs WHERE notice = ?

-- name: job_of_day
SELECT notice FROM jobs WHERE kind = ? AND day = ?

-- name: job_live
SELECT notice FROM jobs WHERE notice = ? AND done = 0 AND ended IS NULL AND paused <> 1

-- name: job_guarded
SELECT notice_id, kind, lane, ended, paused FROM jobs WHERE notice = ? AND done = 0

-- name: job_pause
UPDATE jobs SET paused = ? WHERE notice = ?

-- name: jobs_paused
SELECT notice, notice_id, issued_at FROM jobs WHERE paused = 1 AND done = 0 AND ended IS NULL AND expires > ?
ORDER BY notice

-- name: paused
SELECT notice FROM jobs WHERE done = 0 AND paused = 1

-- name: job_numbers_of_thread
SELECT notice FROM jobs WHERE thread = ? AND notice <> ? ORDER BY notice

-- name: jobs_end_thread
UPDATE jobs SET ended = ?, ended_reason = ?, done = 0 WHERE thread = ? AND notice <> ? AND ended IS NULL AND done = 0

-- name: job_end
UPDATE jobs SET ended = ?, ended_reason = ? WHERE notice = ? AND ended IS NULL AND done = 0

-- name: job_more
-- Rows that came after the audience was frozen.
UPDATE jobs SET people = people + ?, late = late + ?, contacts = contacts + ?, done = 0 WHERE notice = ?

-- name: job_page
UPDATE jobs SET next_page = ? WHERE notice = ?

-- name: job_first
UPDATE jobs SET first_at = ? WHERE notice = ? AND first_at IS NULL

-- name: job_done
UPDATE jobs SET done = 1 WHERE notice = ?

-- name: audience_insert
INSERT INTO audiences (notice, page, first_shard, last_shard, contacts, channels, flags) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: audience_page
SELECT contacts, channels, flags FROM audiences WHERE notice = ? AND page = ?

-- name: audience_of_shard
SELECT contacts FROM audiences WHERE notice = ? AND first_shard <= ? AND last_shard >= ?

-- name: delivery_insert
INSERT INTO deliveries (shard, notice, contact, lane, state, channel, flags, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: delivery_plan
INSERT INTO deliveries (shard, notice, contact, lane, state, channel, flags) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: delivery_plan_packed
-- SQLite: many rows by one statement; the shard is the low byte of a contact point's number.
INSERT INTO deliveries (shard, notice, contact, lane, state, channel, flags)
SELECT contacts.value & 255, p.notice, contacts.value, p.lane, 0, p.channel, p.flags
FROM (SELECT ? AS notice, ? AS lane, ? AS channel, ? AS flags) p, json_each(?) contacts

-- name: delivery_insert_held
INSERT INTO deliveries (shard, notice, contact, lane, state, channel, flags, due_at, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: page_next
SELECT notice, next_page FROM jobs WHERE done = 0 AND next_page < pages ORDER BY lane, notice LIMIT 1

-- name: job_planned
SELECT notice_id, kind, pages, next_page FROM jobs WHERE notice = ?

-- name: job_next_page
SELECT next_page FROM jobs WHERE notice = ?

-- name: delivery
SELECT state, channel, flags, tries, due_at, first_at, last_at, reason FROM deliveries
WHERE shard = ? AND notice = ? AND contact = ?

-- name: deliveries_of_shard
SELECT contact, state, channel, flags, tries, due_at, first_at, last_at, reason FROM deliveries
WHERE shard = ? AND notice = ? AND contact > ? AND (state = ? OR ? < 0) ORDER BY contact LIMIT ?

-- name: deliveries_from
SELECT notice, contact, state, channel, flags, tries, due_at, first_at, last_at, reason FROM deliveries
WHERE shard = ? AND (notice > ? OR (notice = ? AND contact > ?)) AND (state = ? OR ? < 0)
ORDER BY notice, contact LIMIT ?

-- name: deliveries_of_contact
SELECT notice, state, channel, flags, tries, due_at, first_at, last_at, reason FROM deliveries
WHERE shard = ? AND contact = ? AND notice >= ? AND notice <= ? ORDER BY notice DESC LIMIT ?

-- name: delivery_attempts
SELECT attempt, started, outcome, reason FROM attempts WHERE shard = ? AND notice = ? AND contact = ? ORDER BY attempt

-- name: delivery_in_hand
SELECT state, channel, flags, tries, worker, last_at, reason FROM deliveries WHERE shard = ? AND notice = ? AND contact = ?

-- name: delivery_reported
UPDATE deliveries SET flags = flags | ? WHERE shard = ? AND notice = ? AND contact = ?

-- name: delivery_settled_by_report
UPDATE deliveries SET state = ?, flags = flags | ?, reason = ?, due_at = NULL, worker = NULL
WHERE shard = ? AND notice = ? AND contact = ?

-- name: overtake
INSERT INTO overtaken (notice, contact, worker) VALUES (?, ?, ?) ON CONFLICT (notice, contact) DO NOTHING

-- name: overtaken_of
SELECT contact FROM overtaken WHERE notice = ?

-- name: overtaken_done
DELETE FROM overtaken WHERE notice = ? AND contact = ?

-- name: overtaken_stale
-- Rows of expired workers: those settle nothing any more.
DELETE FROM overtaken WHERE notice = ? AND worker NOT IN (SELECT worker FROM workers)

-- name: handed
-- Contact points that a notice was handed to or is in doubt for (RULES 14): sent, delivered, IN_DOUBT or HAS_RECEIPT.
-- Rows in flight are left out, since they may still be refused: their outcome, once sent or in doubt, adds the follow-up.
SELECT contact, channel, flags FROM deliveries
WHERE shard IN (?*) AND notice = ? AND (state IN (3, 4) OR (flags & 272) <> 0)

-- name: waiting
-- Planned rows that were never claimed, shard by shard.
SELECT shard, notice, contact, state, channel, flags, tries, reason FROM deliveries
WHERE shard IN (?*) AND notice = ? AND state = 0 AND due_at IS NULL ORDER BY shard, contact LIMIT ?

-- name: due
-- Rows due, the earliest first, of a range of shards; uses the index of times.
SELECT shard, notice, contact, state, channel, flags, tries, reason FROM deliveries
WHERE lane = ? AND due_at <= ? AND shard BETWEEN ? AND ? ORDER BY due_at LIMIT ?

-- name: due_beside
-- Like `due`, without rows of paused dispatches.
SELECT shard, notice, contact, state, channel, flags, tries, reason FROM deliveries
WHERE lane = ? AND due_at <= ? AND shard BETWEEN ? AND ? AND notice NOT IN (?*) ORDER BY due_at LIMIT ?

-- name: digest_rest
-- The other rows of a contact point's digest, wherever the claim's limit fell.
SELECT shard, notice, contact, state, channel, flags, tries, reason FROM deliveries
WHERE shard = ? AND notice IN (SELECT notice FROM jobs WHERE done = 0 AND paused <> 1) AND contact = ?
  AND due_at <= ? AND (flags & 64) <> 0

-- name: next_due
SELECT MIN(due_at) FROM deliveries WHERE lane = ? AND due_at IS NOT NULL AND shard BETWEEN ? AND ?

-- name: leftover
-- Rows of an ended dispatch that were not handed over.
SELECT shard, notice, contact, state, channel, flags, tries, reason FROM deliveries
WHERE shard IN (?*) AND notice = ? AND state IN (0, 1, 5) AND (flags & ?) = 0 ORDER BY shard, contact LIMIT ?

-- name: claimed_by
SELECT shard, notice, contact, state, channel, flags, tries, reason FROM deliveries
WHERE shard IN (?*) AND notice = ? AND state = 2 AND worker = ? ORDER BY shard, contact LIMIT ?

-- name: claimed_still
SELECT contact FROM deliveries WHERE shard = ? AND notice = ? AND contact = ? AND state = 2 AND worker = ?

-- name: claim
UPDATE deliveries SET state = 2, worker = ?, due_at = NULL WHERE shard = ? AND notice = ? AND contact = ?

-- name: settle
-- HAS_RECEIPT (256) is never cleared.
UPDATE deliveries SET state = ?, flags = ? | (flags & 256), tries = ?, due_at = ?, first_at = COALESCE(first_at, ?),
                      last_at = COALESCE(?, last_at), reason = ?, worker = NULL
WHERE shard = ? AND notice = ? AND contact = ?

-- name: settle_overtaken
UPDATE deliveries SET tries = ?, first_at = COALESCE(first_at, ?), last_at = COALESCE(?, last_at)
WHERE shard = ? AND notice = ? AND contact = ?

-- name: attempt_insert
INSERT INTO attempts (shard, notice, contact, attempt, started, outcome, reason) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (shard, notice, contact, attempt) DO NOTHING

-- name: tally
INSERT INTO tallies (notice, channel, state, worker, amount) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (notice, channel, state, worker) DO UPDATE SET amount = tallies.amount + excluded.amount

-- name: tallies_of
SELECT channel, state, SUM(amount) FROM tallies WHERE notice = ? GROUP BY channel, state HAVING SUM(amount) <> 0

-- name: tallies_open
SELECT j.lane, t.state, SUM(t.amount) FROM tallies t JOIN jobs j ON j.notice = t.notice
WHERE j.done = 0 GROUP BY j.lane, t.state

-- name: tallies_by_job
SELECT t.notice, t.state, SUM(t.amount) FROM tallies t JOIN jobs j ON j.notice = t.notice
WHERE j.done = 0 GROUP BY t.notice, t.state

-- name: tallies_claimed
SELECT t.notice, t.worker, SUM(t.amount) FROM tallies t JOIN jobs j ON j.notice = t.notice
WHERE j.done = 0 AND t.state = 2 GROUP BY t.notice, t.worker HAVING SUM(t.amount) > 0

-- name: latency
INSERT INTO latencies (notice, bucket, worker, amount) VALUES (?, ?, ?, ?)
ON CONFLICT (notice, bucket, worker) DO UPDATE SET amount = latencies.amount + excluded.amount

-- name: latencies_of
SELECT bucket, SUM(amount) FROM latencies WHERE notice = ? GROUP BY bucket ORDER BY bucket

-- name: worker_begins
INSERT INTO workers (worker, alive_until) VALUES (?, ?)

-- name: worker_lives
UPDATE workers SET alive_until = ? WHERE worker = ? RETURNING worker

-- name: worker
SELECT alive_until FROM workers WHERE worker = ?

-- name: workers_all
SELECT worker, alive_until FROM workers

-- name: worker_gone
-- Unless it has renewed its lease since the caller read it.
DELETE FROM workers WHERE worker = ? AND alive_until < ? RETURNING worker

-- name: planning
SELECT lane, notice, pages - next_page FROM jobs WHERE done = 0 AND next_page < pages

-- name: parked
SELECT notice, notice_id, ended_reason FROM jobs WHERE ended = 7 ORDER BY notice

-- name: oldest_unsent
-- Deferred ones too: while a provider is away, they are all that waits.
SELECT MIN(j.issued_at) FROM jobs j WHERE j.done = 0 AND j.ended IS NULL AND EXISTS (
    SELECT 1 FROM tallies t WHERE t.notice = j.notice AND t.state IN (0, 2, 5)
    GROUP BY t.notice HAVING SUM(t.amount) > 0)
