"""Turnout: a self-hosted gateway to every large language model."""

__version__ = "0.1.0"
