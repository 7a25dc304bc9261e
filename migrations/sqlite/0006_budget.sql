-- How many messages each provider was given on a day (days since 1970, UTC), with what processes have reserved.
CREATE TABLE provider_budgets (
    provider TEXT NOT NULL,
    day INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    PRIMARY KEY (provider, day)
) WITHOUT ROWID;

-- How each process's providers stand, for those who hand nothing over themselves. One row a worker and channel.
CREATE TABLE provider_states (
    worker INTEGER NOT NULL,
    channel TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    health BLOB NOT NULL,
    PRIMARY KEY (worker, channel)
) WITHOUT ROWID;
