-- Sign-ins of the console: used links, open sessions, the last sign-in of each member.

-- name: link_used
SELECT 1 FROM used_sign_in_links WHERE digest = ?;

-- name: use_link
INSERT INTO used_sign_in_links (digest, ends_at) VALUES (?, ?);

-- name: drop_links
DELETE FROM used_sign_in_links WHERE ends_at <= ?;

-- name: open
INSERT INTO console_sessions (id, member, how, begun_at, seen_at, ends_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: session
SELECT member, how, begun_at, seen_at, ends_at FROM console_sessions WHERE id = ?;

-- name: see
UPDATE console_sessions SET seen_at = ? WHERE id = ? AND seen_at < ?;

-- name: close
DELETE FROM console_sessions WHERE id = ?;

-- name: close_all_of
DELETE FROM console_sessions WHERE member = ?;

-- name: drop_ended
DELETE FROM console_sessions WHERE ends_at <= ? OR seen_at <= ?;

-- name: open_sessions
SELECT member, COUNT(*), MAX(seen_at) FROM console_sessions WHERE ends_at > ? AND seen_at > ? GROUP BY member;

-- name: signed_in
INSERT INTO last_sign_ins (member, at) VALUES (?, ?)
ON CONFLICT (member) DO UPDATE SET at = excluded.at WHERE last_sign_ins.at < excluded.at;

-- name: last_sign_in
SELECT at FROM last_sign_ins WHERE member = ?;

-- name: last_sign_ins
SELECT member, at FROM last_sign_ins;
