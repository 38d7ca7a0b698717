"""What providers do beside conversations and vectors: one adapter per kind; dialects name theirs."""
