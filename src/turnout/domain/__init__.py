"""Floor 1: frozen data in the words of the field."""
