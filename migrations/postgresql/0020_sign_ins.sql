-- Used sign-in links by the SHA-256 of their token, until they would have run out (microseconds since 1970).
CREATE TABLE used_sign_in_links (
    digest BYTEA NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL
);

-- Open sign-ins of the console: the id is the SHA-256 of the cookie's secret. A row that is gone has ended.
CREATE TABLE console_sessions (
    id BYTEA NOT NULL PRIMARY KEY,
    member BYTEA NOT NULL,
    how TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);

CREATE INDEX console_sessions_by_member ON console_sessions (member);

-- When each team member signed in last: whoever never did still has an invitation.
CREATE TABLE last_sign_ins (
    member BYTEA NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
