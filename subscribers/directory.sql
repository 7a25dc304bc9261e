-- Statements of the subscriber directory. Key lists are joined: for `(a, b) IN (VALUES …)` SQLite scans the whole table.

-- name: load
WITH wanted (shard, id) AS (VALUES ?**)
SELECT p.id, p.doc, p.sealed, p.wishes, p.consent
FROM wanted w JOIN people p ON p.shard = w.shard AND p.id = w.id;

-- name: add
INSERT INTO people (shard, id, phase, doc, sealed, wishes, consent) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: save
INSERT INTO people (shard, id, phase, doc, sealed, wishes, consent) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (shard, id) DO UPDATE SET
    phase = excluded.phase,
    doc = excluded.doc,
    sealed = excluded.sealed,
    wishes = excluded.wishes,
    consent = excluded.consent;

-- name: add_contact
INSERT INTO contact_points (shard, number, subscriber, channel, state, suppressed, sealed) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: save_contact
-- Including its address; NULL if that is in the person's registration.
INSERT INTO contact_points (shard, number, subscriber, channel, state, suppressed, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (shard, number) DO UPDATE SET
    subscriber = excluded.subscriber,
    channel = excluded.channel,
    state = excluded.state,
    suppressed = excluded.suppressed,
    sealed = excluded.sealed;

-- name: mark_contact
-- Leaves its address unchanged.
UPDATE contact_points SET state = ?, suppressed = ? WHERE shard = ? AND number = ?;

-- name: keep_address
-- A new registration replaces the old one: an address that only the old one held moves to its contact point.
UPDATE contact_points SET sealed = COALESCE(sealed, ?) WHERE shard = ? AND number = ?;

-- name: add_counts
INSERT INTO people_counts (phase, people) VALUES (?, ?)
ON CONFLICT (phase) DO UPDATE SET people = people_counts.people + excluded.people;

-- name: drop_empty_counts
-- A zero row depends on how the log was cut into batches; without it a rebuild gives the same table.
DELETE FROM people_counts WHERE people = 0;

-- name: counts
SELECT phase, people FROM people_counts ORDER BY phase;

-- name: cards
WITH wanted (shard, number) AS (VALUES ?**)
SELECT c.number, c.subscriber, c.channel, c.state, c.suppressed, c.sealed, p.phase, p.sealed, p.wishes
FROM wanted w
JOIN contact_points c ON c.shard = w.shard AND c.number = w.number
JOIN people p ON p.shard = c.shard AND p.id = c.subscriber;

-- name: suppressed
SELECT number FROM contact_points
WHERE suppressed IS NOT NULL AND state <> 'removed' AND number < ? ORDER BY number DESC LIMIT ?;

-- name: person
SELECT id, doc, sealed, wishes, consent FROM people WHERE shard = ? AND id = ?;

-- name: people
SELECT id, doc, sealed, wishes, consent FROM people WHERE id > ? ORDER BY id LIMIT ?;

-- name: addresses
-- Addresses of these contact points that are not in their person's registration.
WITH wanted (shard, number) AS (VALUES ?**)
SELECT c.number, c.sealed FROM wanted w
JOIN contact_points c ON c.shard = w.shard AND c.number = w.number
WHERE c.sealed IS NOT NULL;
