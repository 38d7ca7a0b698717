"""Floor 7: the ways in: one file per API family, and the servers that carry them."""
