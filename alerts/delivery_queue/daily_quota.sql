-- Daily quota: messages reserved per provider and UTC day (days since 1970).

-- name: taken
SELECT taken FROM provider_budgets WHERE provider = ? AND day = ?

-- name: take
INSERT INTO provider_budgets (provider, day, taken) VALUES (?, ?, ?)
ON CONFLICT (provider, day) DO UPDATE SET taken = provider_budgets.taken + excluded.taken

-- name: forget
DELETE FROM provider_budgets WHERE provider = ? AND day < ?
