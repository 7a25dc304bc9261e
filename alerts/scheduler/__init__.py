"""Scheduler: periodic jobs, and due items."""
