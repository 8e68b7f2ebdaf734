"""The suite's own clients: one voice per surface over one `Wire`."""
