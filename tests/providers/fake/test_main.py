import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

COMMAND = [sys.executable, "-m", "turnout.providers.fake"]


def test_process_announces_its_port_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    journal = tmp_path / "journal"
    command = [*COMMAND, "--port", "0", "--journal", str(journal), "--journal-bodies", "--ready-fd", str(writing)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(writing,)) as process:  # noqa: S603  # our own
        os.close(writing)
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with os.fdopen(reading, "rb") as announced:
            assert json.loads(announced.read()) == {"port": port}
        body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hello"}]}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/chat/completions", body) as reply:
            assert json.load(reply)["choices"][0]["message"]["content"] == "hello"
        entries = [json.loads(line) for line in journal.read_text().splitlines()]
        assert [entry["t"] for entry in entries] == ["request", "end"]
        assert entries[0]["body"] == body.decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_process_ends_with_its_parent() -> None:
    script = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen({[*COMMAND, '--with-parent']!r}, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=100)  # noqa: S603
    child = int(done.stdout)
    deadline = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_port_in_use_is_one_clear_line() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE) as first:  # noqa: S603  # our own program
        assert first.stdout is not None
        port = json.loads(first.stdout.readline())["port"]
        second = subprocess.run(  # noqa: S603  # our own program
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, check=False, timeout=100
        )
        first.terminate()
    assert second.returncode == 1
    assert second.stderr.startswith("the fake provider cannot serve")
    assert second.stderr.count("\n") == 1


def _runs(process: int) -> bool:
    """Whether *process* runs; one that ended and was not collected yet does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
