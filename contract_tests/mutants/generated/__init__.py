"""Mutants that are generated from the OpenAPI files and the examples."""
