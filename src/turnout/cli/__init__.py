"""Floor 9: the command line."""

from turnout.cli.main import main

__all__ = ["main"]
