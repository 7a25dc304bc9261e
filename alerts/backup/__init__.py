"""Backup and restore: data that cannot be recomputed, copied as of one moment and verified before use."""
