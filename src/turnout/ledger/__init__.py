"""Floor 4: what was used and what it cost, from the worker's journal to the store."""
