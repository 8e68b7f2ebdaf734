"""What is true of the Workshop."""
