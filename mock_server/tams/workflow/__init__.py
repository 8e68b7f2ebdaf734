"""Jobs out of graphs of nodes, and the templates that graphs are published as."""
