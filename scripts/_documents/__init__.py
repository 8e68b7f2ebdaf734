"""The pages that are made from the code, by path in the repository."""
