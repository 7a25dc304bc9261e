-- Print batches. A page waits while its delivery is held for it: one that was superseded, cancelled or has expired since
-- is printed by nobody.
--
-- An outcome is 0 sent, 1 failed, NULL while nobody has marked the page.
--
-- Numbers (row_format.py):
--   state: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
--   lane: 0 emergency, 1 transactional, 2 notice, 3 bulletin
--   channel: place in CHANNELS of alerts/kernel/terms.py

-- name: waiting
SELECT p.notice, p.contact FROM print_pages p
JOIN deliveries d ON d.shard = (p.contact & 255) AND d.notice = p.notice AND d.contact = p.contact
WHERE p.channel = ? AND p.batch IS NULL AND p.outcome IS NULL AND d.state = 1
ORDER BY p.urgent DESC, p.at LIMIT ?

-- name: waiting_counts
SELECT p.channel, COUNT(*), MIN(p.at), MAX(p.urgent) FROM print_pages p
JOIN deliveries d ON d.shard = (p.contact & 255) AND d.notice = p.notice AND d.contact = p.contact
WHERE p.batch IS NULL AND p.outcome IS NULL AND d.state = 1 GROUP BY p.channel

-- name: into_batch
UPDATE print_pages SET batch = ? WHERE notice = ? AND contact = ? AND batch IS NULL

-- name: add_batch
INSERT INTO print_batches (id, channel, at, made_by) VALUES (?, ?, ?, ?)

-- name: batches
-- A list of the unreached has its pages by and by, so its lines are counted.
SELECT b.id, b.channel, b.at, b.made_by,
    CASE WHEN b.notice IS NULL THEN COUNT(p.contact)
         ELSE (SELECT COUNT(*) FROM call_lines c WHERE c.batch = b.id) END,
    SUM(CASE WHEN p.outcome = 0 THEN 1 ELSE 0 END),
    SUM(CASE WHEN p.outcome = 1 THEN 1 ELSE 0 END),
    SUM(CASE WHEN p.outcome IS NULL AND d.state = 1 THEN 1 ELSE 0 END)
FROM print_batches b LEFT JOIN print_pages p ON p.batch = b.id
LEFT JOIN deliveries d ON d.shard = (p.contact & 255) AND d.notice = p.notice AND d.contact = p.contact
GROUP BY b.id, b.channel, b.at, b.made_by, b.notice ORDER BY b.at DESC LIMIT ?

-- name: pages
SELECT p.delivery, p.notice, p.contact, p.subject, p.urgent, p.outcome, p.reason, p.sealed, d.state, l.remark, l.others
FROM print_pages p
LEFT JOIN call_lines l ON l.notice = p.notice AND l.contact = p.contact
LEFT JOIN deliveries d ON d.shard = (p.contact & 255) AND d.notice = p.notice AND d.contact = p.contact
WHERE p.batch = ? ORDER BY p.urgent DESC, p.at, p.contact

-- name: mark
UPDATE print_pages SET outcome = ?, reason = ?, marked_at = ?, marked_by = ?
WHERE notice = ? AND contact = ? AND outcome IS NULL

-- name: release
-- The page's own delivery and those that its digest carries: the sender takes them and finds the mark.
UPDATE deliveries SET due_at = ? WHERE shard = ? AND contact = ? AND state = 1 AND reason = ?

-- name: drop_old
DELETE FROM print_pages WHERE expires < ?

-- name: drop_old_lines
DELETE FROM call_lines WHERE notice IN (SELECT notice FROM jobs WHERE expires < ?)

-- name: drop_old_unreachable
DELETE FROM unreachable_people WHERE expires < ?

-- name: lane
SELECT lane, next_page, pages FROM jobs WHERE notice = ?

-- name: failing
SELECT state, SUM(amount) FROM tallies WHERE notice = ? GROUP BY state HAVING SUM(amount) > 0

-- name: has_unreachable
SELECT notice FROM unreachable_people WHERE notice = ?

-- name: add_list
INSERT INTO print_batches (id, channel, at, made_by, notice) VALUES (?, ?, ?, ?, ?)

-- name: add_line
INSERT INTO call_lines (notice, contact, batch, subject, remark, others) VALUES (?, ?, ?, ?, ?, ?)

-- name: lists_of
-- Waiting: not marked yet, and still to be carried out.
SELECT b.id, b.channel, b.at, b.made_by, COUNT(l.contact),
    SUM(CASE WHEN p.outcome IS NULL AND d.state IN (0, 1, 2, 5) THEN 1 ELSE 0 END)
FROM print_batches b JOIN call_lines l ON l.batch = b.id
LEFT JOIN print_pages p ON p.notice = l.notice AND p.contact = l.contact
LEFT JOIN deliveries d ON d.shard = (l.contact & 255) AND d.notice = l.notice AND d.contact = l.contact
WHERE b.notice = ? GROUP BY b.id, b.channel, b.at, b.made_by ORDER BY b.at DESC, b.channel DESC

-- name: list_of
SELECT j.notice_id FROM print_batches b JOIN jobs j ON j.notice = b.notice WHERE b.id = ?

-- name: unwritten
-- Lines of a list without a page: being written, waiting for the end of quiet hours, or ended before.
SELECT d.state, COALESCE(d.reason, ''), COUNT(*) FROM call_lines l
JOIN deliveries d ON d.shard = (l.contact & 255) AND d.notice = l.notice AND d.contact = l.contact
LEFT JOIN print_pages p ON p.notice = l.notice AND p.contact = l.contact
WHERE l.batch = ? AND p.contact IS NULL GROUP BY d.state, COALESCE(d.reason, '') ORDER BY d.state

-- name: reached
SELECT contact FROM deliveries WHERE shard = ? AND notice = ? AND contact = ? AND state IN (3, 4)

-- name: open_lines
-- Lines of lists that are not marked and still to be carried out, with the person's other contact points.
SELECT l.batch, l.notice, l.others, p.contact, d.state FROM call_lines l
LEFT JOIN print_pages p ON p.notice = l.notice AND p.contact = l.contact
LEFT JOIN deliveries d ON d.shard = (l.contact & 255) AND d.notice = l.notice AND d.contact = l.contact
WHERE l.batch IN (?*) AND l.others <> '' AND p.outcome IS NULL AND d.state IN (0, 1, 2, 5)

-- name: reached_of
WITH wanted (notice, contact) AS (VALUES ?**)
SELECT d.notice, d.contact FROM wanted w
JOIN deliveries d ON d.shard = (w.contact & 255) AND d.notice = w.notice AND d.contact = w.contact AND d.state IN (3, 4)
