-- Stored proofs, in the key database.

-- name: last_checkpoint
SELECT number, tree_size, at, peaks, signature FROM checkpoints ORDER BY number DESC LIMIT 1

-- name: checkpoints
SELECT number, tree_size, at, peaks, signature FROM checkpoints ORDER BY number

-- name: keep_checkpoint
INSERT INTO checkpoints (number, tree_size, at, peaks, signature) VALUES (?, ?, ?, ?, ?)

-- name: batches
SELECT first_leaf, leaf_count, leaves, seal FROM leaf_batches WHERE first_leaf >= ? ORDER BY first_leaf LIMIT ?

-- name: last_batch
SELECT first_leaf, leaf_count, leaves, seal FROM leaf_batches ORDER BY first_leaf DESC LIMIT 1

-- name: keep_batch
INSERT INTO leaf_batches (first_leaf, leaf_count, leaves, seal) VALUES (?, ?, ?, ?)
