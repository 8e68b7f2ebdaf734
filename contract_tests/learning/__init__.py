"""`tams-contract learn`: observations of a run as settings of the mock."""
