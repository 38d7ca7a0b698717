"""Floor 4: keys, first start and what callers may read about their own use."""
