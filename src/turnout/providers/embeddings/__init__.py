"""Embeddings, one file per dialect; each dialect names its own in ``providers/dialects``."""
