-- The latest message to the tester of each channel, so that every process can say how old the last good one is.
CREATE TABLE canaries (
    channel TEXT PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    turn TEXT NOT NULL,
    result TEXT NOT NULL,
    reason TEXT NOT NULL,
    took_ms BIGINT NOT NULL,
    well_at BIGINT
);
