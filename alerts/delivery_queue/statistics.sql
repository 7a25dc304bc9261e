-- What has become of every delivery there ever was, added up: for the metrics.

-- name: deliveries
SELECT channel, state, SUM(amount) FROM tallies GROUP BY channel, state

-- name: latencies
SELECT j.lane, l.bucket, SUM(l.amount) FROM latencies l JOIN jobs j ON j.notice = l.notice
GROUP BY j.lane, l.bucket ORDER BY j.lane, l.bucket
