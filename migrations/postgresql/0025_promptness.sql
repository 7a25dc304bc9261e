-- How many messages of emergencies left in an hour, and how many of them within ten seconds of the issue; one row a
-- worker, so that two never wait for each other: add them up. `hour`: hours since 1970; channels as in CHANNELS.
CREATE TABLE promptness (
    hour INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    prompt BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (hour, channel, worker)
);

-- Alarms that are over, of which the team was told: the public page of the service's own troubles. Microseconds.
CREATE TABLE past_alarms (
    name TEXT NOT NULL,
    since BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    PRIMARY KEY (name, since)
);
