-- Photos of residents' reports, sealed under the report's own key: outside the log, deleted when the report is erased.
CREATE TABLE report_photos (
    report BLOB NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
);
