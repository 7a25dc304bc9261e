-- Lists of keys are joined, not asked for by `(a, b) IN (VALUES …)`: SQLite walks the whole table for that.

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
-- With its address: NULL says that it stands with the person's registration.
INSERT INTO contact_points (shard, number, subscriber, channel, state, suppressed, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (shard, number) DO UPDATE SET
    subscriber = excluded.subscriber,
    channel = excluded.channel,
    state = excluded.state,
    suppressed = excluded.suppressed,
    sealed = excluded.sealed;

-- name: mark_contact
-- Without touching its address.
UPDATE contact_points SET state = ?, suppressed = ? WHERE shard = ? AND number = ?;

-- name: keep_address
-- A new registration takes the place of the old one: an address that only the old one held moves to its contact point.
UPDATE contact_points SET sealed = COALESCE(sealed, ?) WHERE shard = ? AND number = ?;

-- name: add_counts
INSERT INTO people_counts (phase, people) VALUES (?, ?)
ON CONFLICT (phase) DO UPDATE SET people = people_counts.people + excluded.people;

-- name: drop_empty_counts
-- Whether a phase was ever peopled depends on how the log was cut into batches: a rebuild must not show it.
DELETE FROM people_counts WHERE people = 0;

-- name: counts
SELECT phase, people FROM people_counts ORDER BY phase;

-- name: cards
WITH wanted (shard, number) AS (VALUES ?**)
SELECT c.number, c.subscriber, c.channel, c.state, c.suppressed, c.sealed, p.phase, p.sealed, p.wishes
FROM wanted w
JOIN contact_points c ON c.shard = w.shard AND c.number = w.number
JOIN people p ON p.shard = c.shard AND p.id = c.subscriber;

-- name: person
SELECT id, doc, sealed, wishes, consent FROM people WHERE shard = ? AND id = ?;

-- name: people
SELECT id, doc, sealed, wishes, consent FROM people WHERE id > ? ORDER BY id LIMIT ?;

-- name: addresses
-- The addresses that stand apart from the registrations of these contact points' people.
WITH wanted (shard, number) AS (VALUES ?**)
SELECT c.number, c.sealed FROM wanted w
JOIN contact_points c ON c.shard = w.shard AND c.number = w.number
WHERE c.sealed IS NOT NULL;
