-- Outcome counts by notice; `channel` and `state` are words.

-- name: add_outcomes
INSERT INTO outcome_counts (number, channel, state, language, area, deliveries) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (number, channel, state, language, area)
DO UPDATE SET deliveries = outcome_counts.deliveries + excluded.deliveries;
