"""Jobs from graphs of nodes, and from templates of such graphs."""
