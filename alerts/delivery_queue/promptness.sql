-- How many messages of emergencies left in time.
--
-- Numbers (row_format.py):
--   channel: place in CHANNELS of alerts/kernel/terms.py

-- name: count
INSERT INTO promptness (hour, channel, worker, prompt, amount) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (hour, channel, worker)
DO UPDATE SET prompt = promptness.prompt + excluded.prompt, amount = promptness.amount + excluded.amount

-- name: since
SELECT channel, SUM(prompt), SUM(amount) FROM promptness WHERE hour >= ? GROUP BY channel
