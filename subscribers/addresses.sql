-- Register of addresses by keyed hash: one contact point each.

-- name: find
SELECT subscriber, contact FROM addresses WHERE keyed_hash = ?;

-- name: held
SELECT keyed_hash FROM addresses WHERE keyed_hash IN (?*);

-- name: owner
SELECT subscriber FROM addresses WHERE contact = ?;

-- name: claim
INSERT INTO addresses (keyed_hash, shard, subscriber, contact) VALUES (?, ?, ?, ?)
ON CONFLICT (keyed_hash) DO UPDATE SET shard = excluded.shard, subscriber = excluded.subscriber, contact = excluded.contact;

-- name: forget
DELETE FROM addresses WHERE subscriber = ?;
