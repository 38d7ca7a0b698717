import json
import subprocess
import sys

_SEVERAL_MEGABYTES = ("rich", "jinja2", "re2", "xml.etree.ElementTree", "sqlalchemy.dialects.postgresql", "numpy")
_WORKER = (
    "import json, sys, turnout.app.worker, turnout.api.control, turnout.web.site; print(json.dumps([*sys.modules]))"
)


def test_a_worker_does_not_load_what_few_need() -> None:
    done = subprocess.run([sys.executable, "-c", _WORKER], check=True, capture_output=True)  # noqa: S603 - our own program
    loaded = json.loads(done.stdout)
    assert [name for name in _SEVERAL_MEGABYTES if name in loaded] == []
