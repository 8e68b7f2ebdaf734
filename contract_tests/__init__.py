"""What is true of the vendors, told by tests that know HTTP, credentials and documents alone."""
