"""`tams-contract doctor`: checks what a run needs, before it."""
