"""Gemini's language, whoever serves it: the dialects ``google`` and ``vertex`` differ in their heads."""
