"""Equivalent variants: honest services that keep every promise, so no test may fail."""
