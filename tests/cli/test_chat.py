import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import turnout
from gateway import API_KEY, Gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("chat")) as running:
        yield running


def test_an_answer_is_printed(gateway: Gateway, tmp_path: Path) -> None:
    said = turnout(tmp_path, "chat", "fake/echo", "Hello, Turnout!", "--url", gateway.url, "--key", API_KEY)
    assert (said.returncode, said.stdout, said.stderr) == (0, "Hello, Turnout!\n", "")


def test_the_prompt_may_come_from_standard_input(gateway: Gateway, tmp_path: Path) -> None:
    said = turnout(tmp_path, "chat", "fake/echo", "--url", gateway.url, "--key", API_KEY, stdin="Grüße")
    assert said.stdout == "Grüße\n"


def test_server_and_key_come_from_the_configuration(gateway: Gateway, tmp_path: Path) -> None:
    environment = {"TURNOUT_SERVER__PORT": str(gateway.port), "TURNOUT_API_KEY": API_KEY}
    assert turnout(tmp_path, "chat", "fake/echo", "hi", environment=environment).stdout == "hi\n"


def test_the_first_key_is_found_where_serve_has_left_it(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "turnout-data").mkdir()
    (tmp_path / "turnout-data" / "first-key").write_text(f"{API_KEY}\n")
    assert turnout(tmp_path, "chat", "fake/echo", "hi", "--url", gateway.url).stdout == "hi\n"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("no/such-model", "is not a valid model ID"),
        ("fake/status-429", "status 429"),
        ("fake/error-in-stream", "failed in the middle"),
    ],
)
def test_a_failure_is_status_1_and_told_in_one_line(gateway: Gateway, tmp_path: Path, model: str, words: str) -> None:
    said = turnout(tmp_path, "chat", model, "hi", "--url", gateway.url, "--key", API_KEY)
    assert said.returncode == 1
    assert words in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_wrong_key_is_told(gateway: Gateway, tmp_path: Path) -> None:
    said = turnout(tmp_path, "chat", "fake/echo", "hi", "--url", gateway.url, "--key", "sk-wrong")
    assert (said.returncode, said.stderr) == (1, "turnout: This API key is not valid\n")


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    said = turnout(tmp_path, "chat", "fake/echo", "hi", "--url", url, "--key", "x")
    assert said.returncode == 1
    assert url in said.stderr
