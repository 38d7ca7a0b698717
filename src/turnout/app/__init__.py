"""Floor 8: the composition root: reads the configuration, builds everything, supervises workers."""
