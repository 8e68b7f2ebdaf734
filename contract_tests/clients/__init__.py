"""The suite's clients: one for each surface, over one `Wire`."""
