"""The coverage table: which tests rest on which facts and which members of the reference."""
