"""HTTP clients of several languages, each with the same calls."""
