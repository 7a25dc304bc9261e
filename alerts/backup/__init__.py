"""Backup and restore: what cannot be computed again, copied as it stood at one moment, proven before it is used."""
