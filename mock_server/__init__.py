"""A mock of TAMS and the AI Creation Workshop, in one process on one port."""

__version__ = "0.1.0"
