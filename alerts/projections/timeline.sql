-- Timeline: one row per event, newest last. `happened` is microseconds since 1970.

-- name: add
INSERT INTO timeline (position, happened, actor, topic, kind, subject, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (position) DO NOTHING;
