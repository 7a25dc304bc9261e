-- Contact points that are sent nothing, for the list in the console: few among many.
CREATE INDEX contact_points_suppressed ON contact_points (number) WHERE suppressed IS NOT NULL;
