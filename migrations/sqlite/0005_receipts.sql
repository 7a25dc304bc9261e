-- Deliveries that a receipt settled while a worker still had them in hand: its own outcome must not undo that.
CREATE TABLE overtaken (
    notice INTEGER NOT NULL,
    contact BIGINT NOT NULL,
    worker INTEGER NOT NULL,
    PRIMARY KEY (notice, contact)
) WITHOUT ROWID;
