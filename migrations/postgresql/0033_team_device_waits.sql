-- Waits of browsers that take nothing, shared by all processes: how often they failed in a row, and when they are asked
-- again (microseconds since 1970). `origin` is the id that a browser was added by: it stays when its subscription is renewed.
ALTER TABLE team_devices ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE team_devices ADD COLUMN retry_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE team_devices ADD COLUMN origin BYTEA;
UPDATE team_devices SET origin = id;
