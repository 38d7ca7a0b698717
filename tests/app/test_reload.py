from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gateway import Gateway, model_tables, provider_table
from listening import listening
from patience import until

FREE = '{ prompt = "0", completion = "0" }'
TINY = model_tables("acme/tiny", [("fake", "echo", FREE)])
LARGE = model_tables("acme/large", [("fake", "echo", FREE)])


def hang_up(gateway: Gateway) -> None:
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), TINY) as running:
        yield running


@pytest.fixture
def gateway(shared: Gateway) -> Gateway:
    """A gateway that serves the tiny model and not the large one, with an empty log."""
    shared.config.write_text(TINY)
    hang_up(shared)
    until(lambda: shared.chat("acme/tiny").status == 200 and shared.chat("acme/large").status == 400)
    shared.log_path.write_text("")
    return shared


def test_a_changed_file_is_noticed_and_a_good_one_swapped_in(gateway: Gateway) -> None:
    gateway.config.write_text(TINY + LARGE)
    until(lambda: gateway.chat("acme/large").status == 200)
    assert gateway.chat("acme/tiny").status == 200


def test_a_file_replaced_by_renaming_is_noticed(gateway: Gateway) -> None:
    other = gateway.config.with_suffix(".new")
    other.write_text(LARGE)
    other.replace(gateway.config)
    until(lambda: gateway.chat("acme/large").status == 200)
    assert gateway.chat("acme/tiny").status == 400


@pytest.mark.parametrize(
    "broken",
    [
        "[[models",
        "[server]\nprot = 5\n",
        model_tables("acme/tiny", [("fake", "echo", '{ prompt = "-1", completion = "0" }')]),
        '[providers.evil]\nbase_url = "http://127.0.0.1:1/v1"\nheaders = { X = "a\\nb" }\n',
        '[providers.evil]\nbase_url = "file:///etc/passwd"\n',
    ],
    ids=["syntax", "unknown key", "negative price", "control character", "address"],
)
def test_a_bad_file_leaves_everything_as_it_was_and_says_why(gateway: Gateway, broken: str) -> None:
    gateway.config.write_text(broken)
    hang_up(gateway)
    until(lambda: "stays as it was" in gateway.log())
    assert gateway.chat("acme/tiny").status == 200
    gateway.config.write_text(LARGE)
    hang_up(gateway)
    until(lambda: gateway.chat("acme/large").status == 200)


def test_what_needs_a_restart_says_so(gateway: Gateway) -> None:
    gateway.config.write_text(TINY + LARGE + "[server]\nport = 1\n")
    until(lambda: gateway.chat("acme/large").status == 200)
    assert "server.port" not in gateway.log()  # the command line had it, and wins
    gateway.config.write_text(TINY + '[server]\nhost = "127.0.0.2"\n')
    until(lambda: "server.host has changed: needs restart" in gateway.log())
    assert gateway.chat("acme/tiny").status == 200


def test_requests_under_way_end_as_they_began(gateway: Gateway) -> None:
    with ThreadPoolExecutor() as pool:
        running = pool.submit(gateway.chat, "fake/lorem-20-gap-100", stream=True)
        time.sleep(0.5)
        gateway.config.write_text(
            "[providers.fake]\nenabled = false\n" + provider_table("own", "http://127.0.0.1:1/v1")
        )
        until(lambda: gateway.chat("fake/echo").status == 400)
        assert running.result().events()[-1] == "[DONE]"


def test_an_unchanged_file_may_be_read_again_under_load(gateway: Gateway) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(gateway.chat, "acme/tiny") for _ in range(40)]
        for _ in range(5):
            hang_up(gateway)
            time.sleep(0.1)
        assert {answer.result().status for answer in answers} == {200}


class _Listing(BaseHTTPRequestHandler):
    """Lists one model: the first time not before it is told to, then at once."""

    asked = 0
    late = threading.Event()

    def do_GET(self) -> None:
        type(self).asked += 1
        if self.asked == 1:
            self.late.wait(30)
        body = json.dumps({"data": [{"id": "own-model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_listing_that_comes_late_does_not_bring_the_old_configuration_back(tmp_path: Path) -> None:
    with listening(_Listing) as url:
        own = provider_table("own", f"{url}/v1")
        with Gateway(tmp_path, own) as gateway:
            until(lambda: _Listing.asked > 0)
            gateway.config.write_text(own + LARGE)
            hang_up(gateway)
            until(lambda: gateway.chat("acme/large").status == 200)
            _Listing.late.set()
            time.sleep(0.5)
            assert gateway.chat("acme/large").status == 200
