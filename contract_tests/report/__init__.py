"""What a run leaves behind: one document, and the pages that are made from it."""
