"""Floor 0: pure values that do no input or output."""
