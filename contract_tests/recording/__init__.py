"""Recordings: what a target answers to a fixed set of scenes, and how two of them differ."""
