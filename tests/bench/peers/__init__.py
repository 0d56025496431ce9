"""Peers of the bench: the same stamping built in other ways."""
