"""Tests of what the reference says about the vendors. They use only HTTP and credentials."""
