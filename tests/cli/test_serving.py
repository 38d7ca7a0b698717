import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path


def test_the_fake_provider_serves_alone_writes_its_journal_and_ends_on_a_signal(tmp_path: Path) -> None:
    journal = tmp_path / "fake.journal"
    command = [sys.executable, "-m", "turnout", "fake", "--port", "0", "--journal", str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the program under test
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v1", process.stdout.readline())
        assert found is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
        body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert answer["choices"][0]["message"]["content"] == "hi"
    assert journal.read_text().count("\n") >= 1


def test_a_taken_port_of_the_fake_provider_is_status_1(tmp_path: Path) -> None:
    said = subprocess.run(  # noqa: S603 - the program under test
        [sys.executable, "-m", "turnout", "fake", "--port", "0", "--journal", str(tmp_path / "no" / "such" / "folder")],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert said.returncode == 1
    assert said.stderr.startswith("turnout: ")
