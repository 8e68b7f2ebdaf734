"""Measuring the mock beside a bare app: servers, load, cases, a table."""
