"""A mock of TAMS and the AI Creation Workshop, in one process on one port.

PYTEST_DONT_REWRITE: pytest is not to complain that a program loaded this before it did.
"""

__version__ = "0.1.0"
