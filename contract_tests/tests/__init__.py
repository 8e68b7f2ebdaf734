"""Tests of the suite itself. They need no target, or the mock as a subprocess."""
