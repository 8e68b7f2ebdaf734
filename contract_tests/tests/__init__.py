"""The suite's own tests: they need no target, or the mock as a subprocess."""
