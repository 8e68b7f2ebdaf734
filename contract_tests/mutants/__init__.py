"""Mutation testing of the contract suite: mocks that break one documented behaviour."""
