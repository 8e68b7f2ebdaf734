"""Proof that the suite notices: a mock behind a layer that breaks one documented behaviour."""
