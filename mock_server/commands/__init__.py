"""What `tams-mock` can be told to do, a module for each verb."""
