"""Floor 5: the line that a request travels."""
