"""What is true of TAMS."""
