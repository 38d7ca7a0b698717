from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from exchanges import always, asked
from turnout.base.errors import UpstreamError
from turnout.domain.provider import Timeouts
from turnout.net.client import Client, Origin
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox
from upstream import Wire, reply, upstream


async def test_a_refused_connection_is_a_failure_that_cost_nothing(client: Client) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        origin = Origin(f"http://127.0.0.1:{unheard.getsockname()[1]}")
        with pytest.raises(UpstreamError) as caught:
            await asked(client, origin)
    assert (caught.value.error_type, caught.value.may_be_billed) == ("provider_unavailable", False)
    assert "127.0.0.1" not in caught.value.message


async def test_a_name_that_does_not_exist_is_a_failure(client: Client) -> None:
    with pytest.raises(UpstreamError):
        await asked(client, Origin("http://nowhere.invalid"))


async def test_a_connection_that_is_never_accepted_meets_the_connect_deadline(client: Client) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        callers = []
        for _ in range(4):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
            callers.append(caller)
        limits = Timeouts(connect=0.2)
        with pytest.raises(UpstreamError) as caught:
            await asked(client, Origin(f"http://127.0.0.1:{full.getsockname()[1]}"), limits=limits)
        for caller in callers:
            caller.close()
    assert (caught.value.error_type, caught.value.may_be_billed) == ("timeout", False)


async def test_plain_text_where_tls_was_expected_is_a_failure(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await wire.send(reply())

    async with upstream(script) as server:
        with pytest.raises(UpstreamError, match="cannot be reached"):
            await asked(client, Origin(server.base_url.replace("http", "https")))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl, which makes a certificate for this test, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "chain.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-keyout", str(key), "-out", str(chain), "-subj", "/CN=localhost"]
    subprocess.run([*command, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)  # noqa: S603 - no input from outside
    return key, chain


def _server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


async def test_an_unknown_certificate_is_refused(client: Client, certificate: tuple[Path, Path]) -> None:
    async with upstream(always(reply()), _server_tls(certificate)) as server:
        with pytest.raises(UpstreamError, match="cannot be reached"):
            await asked(client, Origin(f"https://localhost:{server.port}"))


async def test_a_trusted_certificate_carries_answers_over_one_connection(certificate: tuple[Path, Path]) -> None:
    def trusting() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(certificate[1]))

    client = Client(Deadlines(loop := asyncio.get_running_loop()), Outbox(loop, lambda: None), trusting)
    async with upstream(always(reply()), _server_tls(certificate)) as server:
        origin = Origin(f"https://localhost:{server.port}")
        for _ in range(2):
            assert (await asked(client, origin)).body == b"ok"
        assert len(server.wires) == 1
        origin.idle.pop().abort()
        await asyncio.sleep(0.05)
