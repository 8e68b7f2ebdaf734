"""Incidents played again: those of a mock byte for byte, captures of other tools side by side."""
