"""Floor 4: what happened at each endpoint lately."""
