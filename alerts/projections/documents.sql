-- For each kind of document: read those that a batch continues, and write them back.
-- `(?*)` is filled with as many `?` as there are ids.

-- name: notices_load
SELECT id, created, doc, NULL FROM notices WHERE id IN (?*);

-- name: notices_save
INSERT INTO notices (id, created, position, number, phase, kind, status, thread, incident, service_change, issued_at, expires, doc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    number = excluded.number,
    phase = excluded.phase,
    kind = excluded.kind,
    status = excluded.status,
    thread = excluded.thread,
    incident = excluded.incident,
    service_change = excluded.service_change,
    issued_at = excluded.issued_at,
    expires = excluded.expires,
    doc = excluded.doc;

-- name: dispatches_load
SELECT id, created, doc, NULL FROM dispatches WHERE id IN (?*);

-- name: dispatches_save
INSERT INTO dispatches (id, created, position, notice, doc)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    notice = excluded.notice,
    doc = excluded.doc;

-- name: incidents_load
SELECT id, created, doc, NULL FROM incidents WHERE id IN (?*);

-- name: incidents_save
INSERT INTO incidents (id, created, position, status, source, doc)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    status = excluded.status,
    source = excluded.source,
    doc = excluded.doc;

-- name: service_points_load
SELECT id, created, doc, NULL FROM service_points WHERE id IN (?*);

-- name: service_points_save
INSERT INTO service_points (id, created, position, kind, is_open, doc)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    kind = excluded.kind,
    is_open = excluded.is_open,
    doc = excluded.doc;

-- name: service_changes_load
SELECT id, created, doc, NULL FROM service_changes WHERE id IN (?*);

-- name: service_changes_save
INSERT INTO service_changes (id, created, position, status, effective, ends, doc)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    status = excluded.status,
    effective = excluded.effective,
    ends = excluded.ends,
    doc = excluded.doc;

-- name: places_load
SELECT id, created, doc, NULL FROM places WHERE id IN (?*);

-- name: places_save
INSERT INTO places (id, created, position, slug, retired, west, south, east, north, doc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    slug = excluded.slug,
    retired = excluded.retired,
    west = excluded.west,
    south = excluded.south,
    east = excluded.east,
    north = excluded.north,
    doc = excluded.doc;

-- name: topics_load
SELECT id, created, doc, NULL FROM topics WHERE id IN (?*);

-- name: topics_save
INSERT INTO topics (id, created, position, slug, retired, doc)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    slug = excluded.slug,
    retired = excluded.retired,
    doc = excluded.doc;

-- name: segments_load
SELECT id, created, doc, NULL FROM segments WHERE id IN (?*);

-- name: segments_save
INSERT INTO segments (id, created, position, slug, retired, doc)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    slug = excluded.slug,
    retired = excluded.retired,
    doc = excluded.doc;

-- name: sources_load
SELECT id, created, doc, sealed FROM sources WHERE id IN (?*);

-- name: sources_save
INSERT INTO sources (id, created, position, name, doc, sealed)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    name = excluded.name,
    doc = excluded.doc,
    sealed = excluded.sealed;

-- name: api_keys_load
SELECT id, created, doc, NULL FROM api_keys WHERE id IN (?*);

-- name: api_keys_save
INSERT INTO api_keys (id, created, position, secret_hash, revoked, doc)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    secret_hash = excluded.secret_hash,
    revoked = excluded.revoked,
    doc = excluded.doc;

-- name: members_load
SELECT id, created, doc, sealed FROM members WHERE id IN (?*);

-- name: members_save
INSERT INTO members (id, created, position, contact, role, doc, sealed)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    contact = excluded.contact,
    role = excluded.role,
    doc = excluded.doc,
    sealed = excluded.sealed;

-- name: newsletters_load
SELECT id, created, doc, NULL FROM newsletters WHERE id IN (?*);

-- name: newsletters_save
INSERT INTO newsletters (id, created, position, slug, ended, doc)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    slug = excluded.slug,
    ended = excluded.ended,
    doc = excluded.doc;

-- name: triggers_load
SELECT id, created, doc, NULL FROM triggers WHERE id IN (?*);

-- name: triggers_save
INSERT INTO triggers (id, created, position, source, state, doc)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    position = excluded.position,
    source = excluded.source,
    state = excluded.state,
    doc = excluded.doc;
