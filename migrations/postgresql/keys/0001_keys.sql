-- Keys, each wrapped by the master key. A row deleted here is a person forgotten.

CREATE TABLE master (
    name TEXT NOT NULL PRIMARY KEY,
    fingerprint BYTEA NOT NULL
);

CREATE TABLE subject_keys (
    subject BYTEA NOT NULL PRIMARY KEY,
    wrapped BYTEA NOT NULL
);

-- Subjects whose key is destroyed: never given another one.
CREATE TABLE destroyed (
    subject BYTEA NOT NULL PRIMARY KEY
);

-- Keys by purpose, for what is sealed but belongs to no one person.
CREATE TABLE purpose_keys (
    purpose TEXT NOT NULL PRIMARY KEY,
    wrapped BYTEA NOT NULL
);
