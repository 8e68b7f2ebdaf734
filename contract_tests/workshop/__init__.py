"""Contract tests of the Workshop."""
