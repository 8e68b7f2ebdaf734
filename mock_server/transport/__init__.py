"""What a server listens with: claimed ports, bounded heads, certificates for https."""
