"""One file per wire dialect; OpenAI-compatible providers are rows of a table."""
