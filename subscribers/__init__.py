"""Subscribers: people, their places and preferences, their keys, and the rules that find them."""
