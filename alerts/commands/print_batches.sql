-- Print batches. A page waits while its delivery is held for it: one that was superseded, cancelled or has expired since
-- is printed by nobody.
--
-- An outcome is 0 sent, 1 failed, NULL while nobody has marked the page.
--
-- Numbers (row_format.py):
--   state: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
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
SELECT b.id, b.channel, b.at, b.made_by, COUNT(*),
    SUM(CASE WHEN p.outcome = 0 THEN 1 ELSE 0 END),
    SUM(CASE WHEN p.outcome = 1 THEN 1 ELSE 0 END),
    SUM(CASE WHEN p.outcome IS NULL AND d.state = 1 THEN 1 ELSE 0 END)
FROM print_batches b JOIN print_pages p ON p.batch = b.id
LEFT JOIN deliveries d ON d.shard = (p.contact & 255) AND d.notice = p.notice AND d.contact = p.contact
GROUP BY b.id, b.channel, b.at, b.made_by ORDER BY b.at DESC LIMIT ?

-- name: pages
SELECT p.delivery, p.notice, p.contact, p.subject, p.urgent, p.outcome, p.reason, p.sealed, d.state
FROM print_pages p
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
