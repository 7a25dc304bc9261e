-- Lists of people whom a notice did not reach by any way, to be called or written to by hand. `notice` is its number, as
-- in jobs; a batch that is no such list has none. Times are microseconds since 1970.
ALTER TABLE print_batches ADD COLUMN notice INTEGER;

-- `remark`: what a caller should know of the number. `others`: the person's other contact points of that notice, with
-- commas between them: one that a provider takes after all makes the call needless.
CREATE TABLE call_lines (
    notice INTEGER NOT NULL,
    contact BIGINT NOT NULL,
    batch BLOB NOT NULL,
    subject BLOB NOT NULL,
    remark TEXT NOT NULL,
    others TEXT NOT NULL,
    PRIMARY KEY (notice, contact)
);
CREATE INDEX call_lines_by_batch ON call_lines (batch);
CREATE INDEX call_lines_by_subject ON call_lines (subject);

-- Who was due for a notice and had no contact point for it: subscriber ids of 16 bytes each, one after the other.
CREATE TABLE unreachable_people (
    notice INTEGER NOT NULL PRIMARY KEY,
    expires BIGINT NOT NULL,
    people BLOB NOT NULL
);
