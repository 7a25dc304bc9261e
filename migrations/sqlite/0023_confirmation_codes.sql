-- Wrong confirmation codes of a contact point, so that three tries are the most.
CREATE TABLE code_tries (
    contact INTEGER NOT NULL PRIMARY KEY,
    tries INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
