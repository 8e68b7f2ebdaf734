"""Failures on demand: rules, what they match, and what they do to calls and connections."""
