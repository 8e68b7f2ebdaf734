"""Builds the package, tries it in empty environments, and describes it for a release."""
