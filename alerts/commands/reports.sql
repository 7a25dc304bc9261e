-- name: keep_photo
INSERT INTO report_photos (report, bytes) VALUES (?, ?);

-- name: photo
SELECT bytes FROM report_photos WHERE report = ?;

-- name: drop_photo
DELETE FROM report_photos WHERE report = ?;
