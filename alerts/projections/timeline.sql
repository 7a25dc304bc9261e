-- name: add
INSERT INTO timeline (position, happened, actor, topic, kind, subject, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (position) DO NOTHING;
