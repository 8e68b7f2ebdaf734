"""Listening: ports, heads of requests, lifetimes of connections, certificates for https."""
