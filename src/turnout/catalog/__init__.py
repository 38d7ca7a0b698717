"""From what sources say of models to one immutable snapshot."""
