-- Browsers of team members that show the team's notifications. `address` is the push subscription, sealed for its row.
-- Times are microseconds since 1970.
CREATE TABLE team_devices (
    id BYTEA NOT NULL PRIMARY KEY,
    member BYTEA NOT NULL,
    label TEXT NOT NULL,
    address TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX team_devices_by_member ON team_devices (member);
