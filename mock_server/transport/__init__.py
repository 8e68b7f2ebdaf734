"""Listening: ports, limits of request heads, write batching, certificates for https."""
