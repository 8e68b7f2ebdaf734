"""The commands of `tams-mock`, one module each."""
