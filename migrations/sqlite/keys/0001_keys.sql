-- Keys, each wrapped by the master key. A row deleted here is a person forgotten.

CREATE TABLE master (
    name TEXT NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE subject_keys (
    subject BLOB NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;

-- Subjects whose key is destroyed: never given another one.
CREATE TABLE destroyed (
    subject BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- Keys by purpose, for what is sealed but belongs to no one person.
CREATE TABLE purpose_keys (
    purpose TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;
