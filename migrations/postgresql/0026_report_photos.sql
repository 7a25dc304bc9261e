-- Photos of residents' reports, sealed under the report's own key: outside the log, deleted when the report is erased.
CREATE TABLE report_photos (
    report BYTEA NOT NULL PRIMARY KEY,
    bytes BYTEA NOT NULL
);
