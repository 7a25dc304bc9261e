"""Event log: codec, recorders, group-commit writer. Knows no domain."""
