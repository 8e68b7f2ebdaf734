"""What the vendors' rooms share in telling a client why its credentials were refused."""
