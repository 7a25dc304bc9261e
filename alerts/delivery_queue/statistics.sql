-- Sums over all deliveries, for the metrics.
--
-- Numbers (row_format.py):
--   state: 0 queued, 1 held, 2 sending, 3 sent, 4 delivered, 5 deferred, 6 failed-permanent, 7 failed-technical,
--       8 expired, 9 suppressed, 10 superseded, 11 cancelled
--   channel: place in CHANNELS of alerts/kernel/terms.py
--   lane: 0 emergency, 1 transactional, 2 notice, 3 bulletin

-- name: deliveries
SELECT channel, state, SUM(amount) FROM tallies GROUP BY channel, state

-- name: latencies
SELECT j.lane, l.bucket, SUM(l.amount) FROM latencies l JOIN jobs j ON j.notice = l.notice
GROUP BY j.lane, l.bucket ORDER BY j.lane, l.bucket
