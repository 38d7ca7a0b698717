"""Floor 9: the command line."""

import sys

from turnout import __version__

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit: 0 for success, 1 for failure, 2 for bad usage or configuration."""
    if sys.argv[1:] == ["--version"]:  # answered at once: shells and monitors ask often
        sys.stdout.write(f"turnout {__version__}\n")
        return
    from turnout.cli.main import run

    run()
