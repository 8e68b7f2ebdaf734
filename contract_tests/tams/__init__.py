"""Contract tests of TAMS."""
