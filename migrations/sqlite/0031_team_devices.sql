-- Browsers of team members that show the team's notifications. `address` is the push subscription, sealed for its row.
-- Times are microseconds since 1970.
CREATE TABLE team_devices (
    id BLOB NOT NULL PRIMARY KEY,
    member BLOB NOT NULL,
    label TEXT NOT NULL,
    address TEXT NOT NULL,
    made_at INTEGER NOT NULL
);
CREATE INDEX team_devices_by_member ON team_devices (member);
