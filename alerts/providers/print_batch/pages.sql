-- Pages of letters and lines of call lists, ready for people.
-- An outcome is 0 sent, 1 failed, NULL while nobody has marked the page.

-- name: page
SELECT outcome, reason FROM print_pages WHERE notice = ? AND contact = ?

-- name: add
-- The page of a person on a call list belongs to that list.
INSERT INTO print_pages (notice, contact, channel, subject, delivery, urgent, at, expires, sealed, batch)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT batch FROM call_lines WHERE notice = ? AND contact = ?))

-- name: drop_of
DELETE FROM print_pages WHERE subject = ?

-- name: drop_lines_of
DELETE FROM call_lines WHERE subject = ?
