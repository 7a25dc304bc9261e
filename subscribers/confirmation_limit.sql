-- At most one confirmation a day to an address, by keyed hash.

-- name: asked
SELECT contact, at FROM asked_addresses WHERE keyed_hash = ?;

-- name: ask
INSERT INTO asked_addresses (keyed_hash, contact, at) VALUES (?, ?, ?)
ON CONFLICT (keyed_hash) DO UPDATE SET contact = excluded.contact, at = excluded.at;

-- name: forget
DELETE FROM asked_addresses WHERE at <= ?;

-- name: leave_unasked
INSERT INTO unasked_contacts (contact, at) VALUES (?, ?) ON CONFLICT (contact) DO UPDATE SET at = excluded.at;

-- name: is_asked
DELETE FROM unasked_contacts WHERE contact = ?;

-- name: forget_unasked
DELETE FROM unasked_contacts WHERE at <= ?;

-- name: unasked
SELECT contact FROM unasked_contacts WHERE contact IN (?*);
