"""A worker of a supervisor: ``python -m turnout.app ORDER``."""

import sys

from turnout.app.serve import run_worker

if __name__ == "__main__":
    run_worker(sys.argv[1:])
