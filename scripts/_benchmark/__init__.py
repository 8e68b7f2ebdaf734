"""Measures the mock beside a bare app: servers, load, cases, tables."""
