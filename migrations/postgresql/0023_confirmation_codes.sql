-- Wrong confirmation codes of a contact point, so that three tries are the most.
CREATE TABLE code_tries (
    contact BIGINT NOT NULL PRIMARY KEY,
    tries BIGINT NOT NULL,
    at BIGINT NOT NULL
);
