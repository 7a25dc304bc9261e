-- Used sign-in links by the SHA-256 of their token, until they would have run out (microseconds since 1970).
CREATE TABLE used_sign_in_links (
    digest BLOB NOT NULL PRIMARY KEY,
    ends_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Open sign-ins of the console: the id is the SHA-256 of the cookie's secret. A row that is gone has ended.
CREATE TABLE console_sessions (
    id BLOB NOT NULL PRIMARY KEY,
    member BLOB NOT NULL,
    how TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX console_sessions_by_member ON console_sessions (member);

-- When each team member signed in last: whoever never did still has an invitation.
CREATE TABLE last_sign_ins (
    member BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
