-- Statements of the read models. Every list goes newest first by `created`, the log position of a stream's first event,
-- which is also its cursor: `created < ?` with a number beyond any position for the first page.

-- name: notice_by_number
SELECT doc FROM notices WHERE number = ?;

-- name: notices
SELECT created, doc FROM notices
WHERE created < ? AND (CAST(? AS TEXT) IS NULL OR phase = ?) AND (CAST(? AS TEXT) IS NULL OR kind = ?)
ORDER BY created DESC LIMIT ?;

-- name: thread
SELECT doc FROM notices WHERE thread = (SELECT thread FROM notices WHERE id = ?) ORDER BY created;

-- name: live
SELECT doc FROM notices WHERE phase = 'live' AND expires > ?;

-- name: to_be_planned
-- Notices in force that are to have a dispatch; the other statuses are recorded only (RULES 15).
SELECT number, issued_at FROM notices
WHERE phase = 'live' AND issued_at >= ? AND expires > ? AND status IN ('Actual', 'Exercise', 'Test');

-- name: recent
-- Issued since a time, or live.
SELECT doc FROM notices WHERE issued_at >= ? OR (phase = 'live' AND expires > ?);

-- name: issued_between
-- The public record of a time; drills are for their participants.
SELECT doc FROM notices WHERE issued_at >= ? AND issued_at < ? AND status = 'Actual' ORDER BY issued_at DESC LIMIT ?;

-- name: waiting
-- Notices that wait for a person or a time.
SELECT doc FROM notices WHERE phase IN ('draft', 'pending-approval', 'returned', 'approved', 'scheduled')
ORDER BY created DESC LIMIT ?;

-- name: first_notices_of_incidents
SELECT incident, id FROM notices WHERE incident IN (?*) AND thread = id ORDER BY created DESC;

-- name: first_notices_of_changes
SELECT service_change, id FROM notices WHERE service_change IN (?*) AND thread = id ORDER BY created DESC;

-- name: dispatch
SELECT doc FROM dispatches WHERE notice = ?;

-- name: incidents
SELECT created, doc FROM incidents
WHERE created < ? AND (CAST(? AS TEXT) IS NULL OR status = ?)
ORDER BY created DESC LIMIT ?;

-- name: service_points
SELECT created, doc FROM service_points
WHERE created < ? AND (CAST(? AS TEXT) IS NULL OR kind = ?)
ORDER BY created DESC LIMIT ?;

-- name: open_service_points
SELECT doc FROM service_points WHERE is_open = 1 AND (CAST(? AS TEXT) IS NULL OR kind = ?) ORDER BY id;

-- name: service_changes
SELECT created, doc FROM service_changes WHERE created < ? ORDER BY created DESC LIMIT ?;

-- name: changes_ending_after
SELECT doc FROM service_changes WHERE status <> 'withdrawn' AND (ends IS NULL OR ends > ?) ORDER BY effective, id;

-- name: issued_changes
-- Changes with an issued notice, in a thread that was not cancelled since.
SELECT DISTINCT told.service_change FROM notices told
WHERE told.service_change IS NOT NULL AND told.issued_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM notices taken_back WHERE taken_back.thread = told.thread AND taken_back.phase = 'cancelled'
);

-- name: places
SELECT doc FROM places ORDER BY slug;

-- name: places_state
-- Cache key: changes with every event of the register.
SELECT COUNT(*), MAX(position) FROM places;

-- name: place
SELECT doc FROM places WHERE slug = ?;

-- name: topics
SELECT doc FROM topics ORDER BY slug;

-- name: topics_state
-- Cache key: changes with every event of the register.
SELECT COUNT(*), MAX(position) FROM topics;

-- name: topic
SELECT doc FROM topics WHERE slug = ?;

-- name: segments
SELECT doc FROM segments ORDER BY slug;

-- name: segments_state
-- Cache key: changes with every event of the register.
SELECT COUNT(*), MAX(position) FROM segments;

-- name: segment
SELECT doc FROM segments WHERE slug = ?;

-- name: organisations
SELECT doc FROM organisations ORDER BY slug;

-- name: organisations_state
-- Cache key: changes with every event of the register.
SELECT COUNT(*), MAX(position) FROM organisations;

-- name: newsletters
SELECT doc FROM newsletters ORDER BY slug;

-- name: newsletters_state
-- Cache key: changes with every event of the register.
SELECT COUNT(*), MAX(position) FROM newsletters;

-- name: message_templates
SELECT doc FROM message_templates ORDER BY slug;

-- name: message_templates_state
-- Cache key: changes with every event of the register.
SELECT COUNT(*), MAX(position) FROM message_templates;

-- name: bounds
SELECT MIN(west), MIN(south), MAX(east), MAX(north) FROM places WHERE retired = 0;

-- name: sources
SELECT doc, sealed FROM sources ORDER BY name;

-- name: source_by_name
SELECT doc, sealed FROM sources WHERE name = ?;

-- name: key_by_hash
SELECT doc FROM api_keys WHERE secret_hash = ? AND revoked = 0;

-- name: api_keys
SELECT doc FROM api_keys ORDER BY created;

-- name: members
SELECT doc, sealed FROM members ORDER BY created;

-- name: members_by_contact
SELECT doc, sealed FROM members WHERE contact IN (?*) AND role IS NOT NULL;

-- name: triggers
SELECT created, doc FROM triggers
WHERE created < ? AND (CAST(? AS TEXT) IS NULL OR state = ?)
ORDER BY created DESC LIMIT ?;

-- name: triggers_of
SELECT created, doc FROM triggers
WHERE created < ? AND source = ? AND (CAST(? AS TEXT) IS NULL OR state = ?)
ORDER BY created DESC LIMIT ?;

-- name: parked_triggers
SELECT COUNT(*) FROM triggers WHERE state = 'parked';

-- name: outcome_counts
SELECT channel, state, language, area, deliveries FROM outcome_counts
WHERE number = ? ORDER BY channel, state, language, area;

-- name: timeline
SELECT position, happened, actor, topic, kind, subject, detail FROM timeline
WHERE position < ? ORDER BY position DESC LIMIT ?;

-- name: timeline_of
SELECT position, happened, actor, topic, kind, subject, detail FROM timeline
WHERE subject = ? AND position < ? ORDER BY position DESC LIMIT ?;

-- name: rejections
SELECT position, happened, actor, topic, kind, subject, detail FROM timeline WHERE subject IN (?*);

-- name: report_by_receipt
SELECT doc, sealed FROM reports WHERE receipt = ?;

-- name: reports
SELECT created, doc, sealed FROM reports
WHERE created < ? AND (CAST(? AS TEXT) IS NULL OR phase = ?)
ORDER BY created DESC LIMIT ?;

-- name: waiting_reports
SELECT COUNT(*) FROM reports WHERE phase = 'waiting';

-- name: reports_to_decide
SELECT doc, sealed FROM reports WHERE phase = 'waiting' ORDER BY created LIMIT ?;

-- name: oldest_waiting_report
SELECT doc, sealed FROM reports WHERE phase = 'waiting' ORDER BY created LIMIT 1;

-- name: handled_reports
SELECT handled_at, doc FROM reports WHERE handled_at >= ? ORDER BY created DESC LIMIT 50;

-- name: reports_by_contact
SELECT doc, sealed FROM reports WHERE contact IN (?*);

-- name: feedback_count
SELECT SUM(useful), SUM(not_useful), SUM(written) FROM feedback WHERE notice = ?;

-- name: feedback_words
SELECT created, doc, sealed FROM feedback WHERE created < ? AND notice = ? AND written = 1
ORDER BY created DESC LIMIT ?;
