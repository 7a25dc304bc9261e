"""Outgoing webhooks: area filter, progress of each webhook, and the sender that follows the log."""
