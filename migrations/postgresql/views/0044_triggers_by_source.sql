-- What one source has sent, the latest first: also of one that has been silent for long.
CREATE INDEX triggers_by_source ON triggers (source, created);
