-- How many messages each provider was given on a day (days since 1970, UTC), with what processes have reserved.
CREATE TABLE provider_budgets (
    provider TEXT NOT NULL,
    day BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    PRIMARY KEY (provider, day)
);

-- How each process's providers stand, for those who hand nothing over themselves. One row a worker and channel.
CREATE TABLE provider_states (
    worker BIGINT NOT NULL,
    channel TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    health BYTEA NOT NULL,
    PRIMARY KEY (worker, channel)
);
