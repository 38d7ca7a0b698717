"""Floor 3: the outgoing network."""
