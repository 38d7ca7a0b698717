"""Floor 2: what the operator sees: logs, metrics, traces."""
