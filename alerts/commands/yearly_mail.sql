-- People who had no message for a year. A part is the shard of a person, which their contact points share.

-- name: people
SELECT subscriber, contact FROM addresses WHERE shard = ?

-- name: lately
-- Contact points of any message of that time, whatever became of it: where one failed, it is not true that nothing happened.
SELECT DISTINCT d.contact FROM deliveries d JOIN jobs j ON j.notice = d.notice WHERE d.shard = ? AND j.issued_at > ?
