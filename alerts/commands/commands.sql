-- Tables that commands keep beside the log: answers by idempotency key, register of slugs, subjects, CAP messages.

-- name: answer
SELECT digest, answer FROM idempotency WHERE caller = ? AND path = ? AND idem_key = ? AND kept_at > ?;

-- name: keep_answer
INSERT INTO idempotency (caller, path, idem_key, digest, answer, kept_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (caller, path, idem_key)
DO UPDATE SET digest = excluded.digest, answer = excluded.answer, kept_at = excluded.kept_at;

-- name: drop_answers
DELETE FROM idempotency WHERE kept_at <= ?;

-- name: registered
SELECT kind, slug, west, south, east, north FROM registered;

-- name: register
INSERT INTO registered (kind, slug, west, south, east, north) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, slug)
DO UPDATE SET west = excluded.west, south = excluded.south, east = excluded.east, north = excluded.north;

-- name: categories
SELECT category, topic FROM categories;

-- name: release_categories
DELETE FROM categories WHERE topic = ?;

-- name: give_category
INSERT INTO categories (category, topic) VALUES (?, ?)
ON CONFLICT (category) DO UPDATE SET topic = excluded.topic;

-- name: subject
SELECT thread, latest FROM notice_subjects WHERE subject = ?;

-- name: set_subject
INSERT INTO notice_subjects (subject, thread, latest) VALUES (?, ?, ?)
ON CONFLICT (subject) DO UPDATE SET thread = excluded.thread, latest = excluded.latest;

-- name: cap_incidents
SELECT source, incident FROM cap_messages WHERE message = ? ORDER BY ordinal;

-- name: keep_cap
INSERT INTO cap_messages (message, ordinal, source, incident) VALUES (?, ?, ?, ?)
ON CONFLICT (message, ordinal) DO NOTHING;

-- name: early_cap
SELECT incident, trigger_id, status, sent FROM cap_early_references WHERE source = ? AND message = ?
ORDER BY sent, incident;

-- name: expect_cap
INSERT INTO cap_early_references (source, message, incident, trigger_id, status, sent) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (source, message, incident, trigger_id) DO NOTHING;

-- name: forget_cap_ending
DELETE FROM cap_early_references WHERE trigger_id = ? AND incident = ?;

-- name: latest_sent
SELECT sent FROM latest_messages WHERE subject = ?;

-- name: record_sent
INSERT INTO latest_messages (subject, sent) VALUES (?, ?)
ON CONFLICT (subject) DO UPDATE SET sent = excluded.sent WHERE latest_messages.sent < excluded.sent;
