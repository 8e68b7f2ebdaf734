"""Why the gateway refused a call: the causes that are known, and finding the one that fits."""
