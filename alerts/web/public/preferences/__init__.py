"""Preference centre: what a person gets, to see, change, pause, leave, download and erase, without a password."""
