"""Passes the calls of the vendors' APIs to another service; faults, limits and journal stay."""
