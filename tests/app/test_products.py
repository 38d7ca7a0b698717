"""Products of matrices are made in the thread that wants them: others would not outlive a fork."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import os, sys
from turnout.app.serve import _run

async def main():
    import numpy
    large = numpy.ones((1024, 1024), numpy.float32)
    large @ large
    print(len(os.listdir("/proc/self/task")))

assert "numpy" not in sys.modules
_run(main())
"""


def test_a_gateway_shares_no_product_among_threads() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.stdout, done.stderr) == ("1\n", "")
