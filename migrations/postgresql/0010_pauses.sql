-- Whether a dispatch waits for a person: 0 no, 1 paused (too many of its addresses bounced), 2 a person resumed it, and
-- it is not asked about again.
ALTER TABLE jobs ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
