"""Query LLMs: definitions and their ids, ballots, weights, confidence."""
