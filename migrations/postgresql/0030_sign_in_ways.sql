-- Ways to sign in beside the mailed link: a password with one-time codes, passkeys. `data` is sealed for its row, so that
-- nobody without the secret plants one. Times are microseconds since 1970.
CREATE TABLE sign_in_ways (
    id BYTEA NOT NULL PRIMARY KEY,
    member BYTEA NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    data TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX sign_in_ways_by_member ON sign_in_ways (member);
