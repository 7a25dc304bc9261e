-- Read models: the state of each stream, as msgpack, with what lists and look-ups need beside it.
-- Everything here is computed from the log and can be thrown away. Times are microseconds since 1970, ids 16 bytes,
-- `created` and `position` are log positions of a stream's first and last event. `sealed` is the log's own ciphertext.

CREATE TABLE notices (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    number BIGINT NOT NULL,
    phase TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    thread BYTEA NOT NULL,
    incident BYTEA,
    service_change BYTEA,
    issued_at BIGINT,
    expires BIGINT,
    doc BYTEA NOT NULL
);
CREATE INDEX notices_by_number ON notices (number);
CREATE INDEX notices_by_created ON notices (created);
CREATE INDEX notices_by_thread ON notices (thread, created);
CREATE INDEX notices_by_phase ON notices (phase, created);
CREATE INDEX notices_by_incident ON notices (incident);
CREATE INDEX notices_by_change ON notices (service_change, thread);

CREATE TABLE dispatches (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    notice BYTEA NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX dispatches_by_notice ON dispatches (notice);

CREATE TABLE incidents (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX incidents_by_created ON incidents (created);

CREATE TABLE service_points (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX service_points_by_created ON service_points (created);

CREATE TABLE service_changes (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    status TEXT NOT NULL,
    effective BIGINT NOT NULL,
    ends BIGINT,
    doc BYTEA NOT NULL
);
CREATE INDEX service_changes_by_created ON service_changes (created);

CREATE TABLE places (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    slug TEXT NOT NULL,
    retired INTEGER NOT NULL,
    west DOUBLE PRECISION,
    south DOUBLE PRECISION,
    east DOUBLE PRECISION,
    north DOUBLE PRECISION,
    doc BYTEA NOT NULL
);
CREATE INDEX places_by_slug ON places (slug);

CREATE TABLE topics (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    slug TEXT NOT NULL,
    retired INTEGER NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX topics_by_slug ON topics (slug);

CREATE TABLE segments (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    slug TEXT NOT NULL,
    retired INTEGER NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX segments_by_slug ON segments (slug);

CREATE TABLE sources (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    doc BYTEA NOT NULL,
    sealed BYTEA
);
CREATE INDEX sources_by_name ON sources (name);

CREATE TABLE api_keys (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    secret_hash TEXT NOT NULL,
    revoked INTEGER NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX api_keys_by_secret_hash ON api_keys (secret_hash);

CREATE TABLE members (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    contact BIGINT NOT NULL,
    role TEXT,
    doc BYTEA NOT NULL,
    sealed BYTEA
);
CREATE INDEX members_by_contact ON members (contact);

CREATE TABLE triggers (
    id BYTEA NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL,
    position BIGINT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    doc BYTEA NOT NULL
);
CREATE INDEX triggers_by_created ON triggers (created);
CREATE INDEX triggers_by_state ON triggers (state, created);

-- The log in words, newest first on the console; what happens to subscribers is not here.
CREATE TABLE timeline (
    position BIGINT NOT NULL PRIMARY KEY,
    happened BIGINT NOT NULL,
    actor TEXT NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject BYTEA NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX timeline_by_subject ON timeline (subject, position);

-- How many deliveries of a notice reported what: sums only, nobody's row.
CREATE TABLE outcome_counts (
    number BIGINT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    language TEXT NOT NULL,
    area TEXT NOT NULL,
    deliveries BIGINT NOT NULL,
    PRIMARY KEY (number, channel, state, language, area)
);
