-- The audience's columns as one sealed stream (subscribers/audience/encrypted_stream.py), so that a process need not read the whole
-- log when it starts. Beside the read models, so that every machine finds it, no backup holds it, and it goes with its
-- generation. Ciphertext does not compress: it is not tried.

CREATE TABLE audience_copy (
    piece INTEGER NOT NULL PRIMARY KEY,
    bytes BYTEA NOT NULL
);
ALTER TABLE audience_copy ALTER COLUMN bytes SET STORAGE EXTERNAL;
