-- Statements of the alarm watch: signs of life of the roles, work that waits, and alarms of which the team was told.
--
-- Numbers (row_format.py):
--   state, ended: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
--   channel: place in CHANNELS of alerts/kernel/terms.py
--   paused: 1 PAUSED, 2 RESUMED

-- name: beat
INSERT INTO heartbeats (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at

-- name: beats
SELECT name, at FROM heartbeats

-- name: channels
-- What is open in each channel, of dispatches from which something may leave.
SELECT t.channel, t.state, SUM(t.amount), MIN(j.issued_at) FROM tallies t JOIN jobs j ON j.notice = t.notice
WHERE j.done = 0 AND j.ended IS NULL AND j.paused <> 1 GROUP BY t.channel, t.state HAVING SUM(t.amount) <> 0

-- name: planned
SELECT notice FROM jobs WHERE notice IN (?*)

-- name: planning
SELECT notice, next_page FROM jobs WHERE done = 0 AND ended IS NULL AND next_page < pages

-- name: raise_alarm
INSERT INTO alarms (name, words, since) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING name

-- name: clear_alarm
DELETE FROM alarms WHERE name = ? RETURNING words, since

-- name: remember
INSERT INTO past_alarms (name, since, ended) VALUES (?, ?, ?) ON CONFLICT (name, since) DO NOTHING

-- name: past
SELECT name, since, ended FROM past_alarms WHERE ended >= ? ORDER BY since DESC LIMIT ?

-- name: raised
SELECT name, words, since FROM alarms ORDER BY since
