"""The report of a run: one document, and the pages made from it."""
