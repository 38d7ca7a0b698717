from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from patience import PATIENCE
from turnout.base.errors import BadRequest, UpstreamError
from turnout.domain.provider import Timeouts
from turnout.net.client import Client, Origin, Sink
from turnout.net.fetch import CANNOT_BE_READ, Fetcher, Limits, resolve
from upstream import Script, Upstream, Wire, reply, upstream

PUBLIC = "93.184.216.34"
PRIVATE_V4 = ("127.0.0.1", "127.8.9.10", "10.1.2.3", "172.16.0.1", "172.31.255.254", "192.168.1.1", "169.254.169.254",
              "100.64.0.1", "100.100.100.200", "0.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.0.192", "198.18.0.1",
              "168.63.129.16", "192.0.2.7")  # fmt: skip
PRIVATE_V6 = ("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1", "2001::1",
              "fec0::1", "3fff::1", "2001:20::1", "5f00::1", "4000::1")  # fmt: skip
NAMES = ("localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain", "metadata", "ip6-localhost",
         "metadata.google.internal", "metadata.google.internal.", "instance-data.ec2.internal",
         "kubernetes.default.svc", "host.docker.internal", "router.lan.", "printer.local", "1.0.0.127.in-addr.arpa",
         "x.onion", "gateway.test", "intranet", "127.0.0.1.nip.example", "xn--127-0-0-1.example", "rebind.example",
         "-.example")  # fmt: skip


def _v4_spellings(text: str) -> Iterator[str]:
    number = int(ipaddress.IPv4Address(text))
    a, b, c, d = number.to_bytes(4)
    yield from (text, f"{text}.", str(number), hex(number), f"0{number:o}", f"0X{number:08X}", str(number + 2**32))
    yield from (f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}", f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}")
    yield from (f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a:04d}.{b:03d}.{c:03d}.{d:03d}", f"0x{a:x}.{b}.0{c:o}.{d}")
    yield from (text.translate({ord(str(n)): 0xFF10 + n for n in range(10)}), text.replace(".", "。"))
    yield from (text.replace(".", "%2e"), f"%{ord(text[0]):02x}{text[1:]}", f"{text}%00.example.com")
    yield from (f"example.com@{text}", f"{text}\\@example.com", f"user:word@{text}", f"{text}\t", f" {text}")


def _v6_spellings(text: str) -> Iterator[str]:
    address = ipaddress.IPv6Address(text)
    yield from (
        f"[{text}]",
        f"[{address.exploded}]",
        f"[{address.exploded.upper()}]",
        f"[{text}%25lo]",
        f"[{text}%lo]",
        text,
    )


def _v4_in_v6(text: str) -> Iterator[str]:
    number = int(ipaddress.IPv4Address(text))
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    yield from (f"[::ffff:{text}]", f"[::ffff:{high}:{low}]", f"[0:0:0:0:0:ffff:{high}:{low}]", f"[::{text}]")
    yield from (f"[2002:{high}:{low}::1]", f"[64:ff9b::{text}]", f"[64:ff9b:1::{high}:{low}]", f"[::ffff:0:{text}]")
    yield from (f"[2001:0:{high}:{low}::1]", f"[2001:0:1:2:3:4:{int(high, 16) ^ 0xFFFF:x}:{int(low, 16) ^ 0xFFFF:x}]")
    yield from (f"[2606:4700::5efe:{high}:{low}]", f"[2606:4700::200:5efe:{high}:{low}]", f"[fe80::5efe:{text}]")


SPELLINGS = sorted(
    {spelling for text in PRIVATE_V4 for spelling in (*_v4_spellings(text), *_v4_in_v6(text))}
    | {spelling for text in PRIVATE_V6 for spelling in _v6_spellings(text)}
    | set(NAMES)
)


class Net:
    """A careless resolver, and a connector that notes where it is sent and goes to a server of the test."""

    def __init__(self, client: Client, server: Upstream | None = None) -> None:
        self.connected: list[tuple[str, int]] = []
        self.resolved: list[str] = []
        self.names: dict[str, list[Sequence[str]]] = {}
        self._client = client
        self._server = server

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        """The next answer for a name that a test has given several; the last stays."""
        self.resolved.append(host)
        if host in self.names:
            answers = self.names[host]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            return [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            return ["127.0.0.1"]

    async def connect(self, origin: Origin, message: bytes, sink: Sink, timeouts: Timeouts, first_byte: float) -> None:
        self.connected.append((origin.address, origin.port))
        assert self._server is not None
        await self._client.exchange(Origin(self._server.base_url), message, sink, timeouts, first_byte)

    def fetcher(self, **limits: object) -> Fetcher:
        return Fetcher(self.connect, Limits(**limits), self.resolve)  # type: ignore[arg-type]  # by name


async def head_of(wire: Wire) -> bytes:
    return await wire._reader.readuntil(b"\r\n\r\n")


def serving(*answers: bytes, heads: list[bytes] | None = None) -> Script:
    """One answer for each connection in turn; the last one stays."""

    async def script(wire: Wire) -> None:
        head = await head_of(wire)
        if heads is not None:
            heads.append(head)
        await wire.send(answers[min(wire.number, len(answers) - 1)])

    return script


async def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(BadRequest) as caught:
        await fetcher(url)
    return caught.value.message


def test_there_are_at_least_400_spellings() -> None:
    assert len(SPELLINGS) >= 400


async def test_no_spelling_of_a_private_address_is_connected_to(client: Client) -> None:
    net = Net(client)
    fetcher = net.fetcher(ports=frozenset({80, 443, 8080}))
    urls = [
        f"{scheme}://{host}{port}/x.png" for host in SPELLINGS for scheme, port in (("http", ""), ("https", ":8080"))
    ]
    said = {await refusal(fetcher, url) for url in urls}
    assert said == {CANNOT_BE_READ}
    assert net.connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"])
async def test_a_listener_on_loopback_hears_nothing(client: Client, host: str) -> None:
    async with upstream(serving(reply(b"secret"))) as server:
        fetcher = Fetcher(client.exchange, Limits(ports=frozenset({server.port})), resolve)
        assert await refusal(fetcher, f"http://{host}:{server.port}/") == CANNOT_BE_READ
        assert server.wires == []


async def test_a_file_comes_with_its_type_and_no_secrets_go_out(client: Client) -> None:
    heads: list[bytes] = []
    answer = reply(b"\x89PNG", headers="Content-Type: Image/PNG; q=1\r\nSet-Cookie: a=b\r\n")
    async with upstream(serving(answer, heads=heads)) as server:
        net = Net(client, server)
        net.names["example.com"] = [[PUBLIC]]
        fetched = await net.fetcher()("http://Example.com/a%20b.png?c=d#e")
        await net.fetcher()("http://example.com/again")
    assert (fetched.media_type, fetched.data) == ("image/png", b"\x89PNG")
    assert net.connected == [(PUBLIC, 80)] * 2
    assert heads[0].startswith(b"GET /a%20b.png?c=d HTTP/1.1\r\nHost: example.com\r\n")
    for head in heads:
        names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
        assert names == {b"host", b"accept", b"accept-encoding", b"user-agent", b"connection"}


async def test_the_checked_address_is_the_one_that_is_connected_to(client: Client) -> None:
    """A name that leads elsewhere with each question is asked once."""
    async with upstream(serving(reply())) as server:
        net = Net(client, server)
        net.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
        await net.fetcher()("http://rebind.example/")
        assert net.connected == [(PUBLIC, 80)]
        assert net.resolved == ["rebind.example"]
        assert await refusal(net.fetcher(), "http://rebind.example/") == CANNOT_BE_READ
        assert len(net.connected) == 1


async def test_one_private_address_among_public_ones_spoils_the_name(client: Client) -> None:
    net = Net(client)
    net.names["mixed.example"] = [[PUBLIC, "10.0.0.1"]]
    assert await refusal(net.fetcher(), "http://mixed.example/") == CANNOT_BE_READ
    assert net.connected == []


async def test_an_address_of_this_machine_is_refused_even_if_it_looks_public(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.net.fetch.is_own", lambda address: str(address) == PUBLIC)
    net = Net(client)
    assert await refusal(net.fetcher(), f"http://{PUBLIC}/") == CANNOT_BE_READ
    assert net.connected == []


INSIDE = ("http://127.0.0.1/", "http://localhost/", "//169.254.169.254/latest", "http://[::1]/", "file:///etc/passwd",
          "gopher://example.com/", "http://0x7f000001/", "http://inside.example/", "ftp://example.com/",
          "http://user@example.com/", "https://example.com:22/")  # fmt: skip


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", INSIDE)
async def test_a_redirect_inside_is_not_followed(client: Client, status: int, location: str) -> None:
    answer = reply(b"", status=f"{status} Moved", headers=f"Location: {location}\r\n")
    async with upstream(serving(answer)) as server:
        net = Net(client, server)
        net.names |= {"example.com": [[PUBLIC]], "inside.example": [["10.0.0.8"]]}
        assert await refusal(net.fetcher(), "http://example.com/") == CANNOT_BE_READ
    assert net.connected == [(PUBLIC, 80)]


async def test_three_redirects_are_followed_each_checked_anew(client: Client) -> None:
    hops = [
        reply(b"x", status="302 Found", headers=f"Location: {to}\r\n") for to in ("/b", "?c", "https://other.example/d")
    ]
    heads: list[bytes] = []
    async with upstream(serving(*hops, reply(b"there"), heads=heads)) as server:
        net = Net(client, server)
        net.names |= {"example.com": [[PUBLIC]], "other.example": [["1.1.1.1"]]}
        assert (await net.fetcher()("http://example.com/a")).data == b"there"
    assert [head.split(b" ")[1] for head in heads] == [b"/a", b"/b", b"/b?c", b"/d"]
    assert net.connected == [(PUBLIC, 80)] * 3 + [("1.1.1.1", 443)]


async def test_a_fourth_redirect_is_one_too_many(client: Client) -> None:
    async with upstream(serving(reply(b"", status="302 Found", headers="Location: /\r\n"))) as server:
        net = Net(client, server)
        net.names["example.com"] = [[PUBLIC]]
        assert await refusal(net.fetcher(), "http://example.com/") == CANNOT_BE_READ
    assert len(net.connected) == 4


BOMB = gzip.compress(b"\0" * 100_000)
BAD_ANSWERS = {
    "too long, announced": reply(b"x" * 1001),
    "too long, in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + b"x" * 1024 + b"\r\n" * 2,
    "too long, to the end": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
    "absurd length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "compressed": reply(BOMB, headers="Content-Encoding: gzip\r\n"),
    "compressed twice": reply(BOMB, headers="Content-Encoding: gzip, br\r\n"),
    "missing": reply(status="404 Not Found"),
    "forbidden": reply(status="403 Forbidden"),
    "broken": reply(status="500 Oops"),
    "partial": reply(status="206 Partial Content"),
    "redirect to nowhere": reply(status="302 Found"),
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "nothing": b"",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
async def test_an_answer_that_is_no_file_is_refused_in_the_same_words(client: Client, kind: str) -> None:
    async with upstream(serving(BAD_ANSWERS[kind])) as server:
        net = Net(client, server)
        net.names["example.com"] = [[PUBLIC]]
        assert await refusal(net.fetcher(max_bytes=1000), "http://example.com/") == CANNOT_BE_READ


async def test_a_file_of_just_the_size_is_read(client: Client) -> None:
    async with upstream(serving(reply(b"x" * 1000))) as server:
        net = Net(client, server)
        net.names["example.com"] = [[PUBLIC]]
        assert len((await net.fetcher(max_bytes=1000)("http://example.com/")).data) == 1000


async def test_a_slow_file_is_given_up_in_time(client: Client) -> None:
    async def drip(wire: Wire) -> None:
        await head_of(wire)
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 100, gap=0.05)

    async with upstream(drip) as server:
        net = Net(client, server)
        net.names["example.com"] = [[PUBLIC]]
        assert await refusal(net.fetcher(seconds=0.3), "http://example.com/") == CANNOT_BE_READ
        await asyncio.wait_for(server.wires[0].gone.wait(), PATIENCE)


async def test_a_slow_resolver_is_given_up_in_time(client: Client) -> None:
    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    assert await refusal(Fetcher(client.exchange, Limits(seconds=0.2), never), "http://example.com/") == CANNOT_BE_READ


@pytest.mark.parametrize("failure", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_resolved_is_refused_in_the_same_words(client: Client, failure: Exception) -> None:
    async def fail(_host: str, _port: int) -> Sequence[str]:
        raise failure

    assert await refusal(Fetcher(client.exchange, Limits(), fail), "http://example.com/") == CANNOT_BE_READ


async def test_the_next_address_is_tried_when_one_cannot_be_reached() -> None:
    tried: list[str] = []

    async def connect(origin: Origin, _message: bytes, sink: Sink, _timeouts: Timeouts, _first_byte: float) -> None:
        tried.append(origin.address)
        if len(tried) < 3:
            raise UpstreamError("unreachable")
        sink.head(200, {b"content-type": b"text/plain"})
        sink.piece(b"hi")

    async def names(_host: str, _port: int) -> Sequence[str]:
        return ["2606:4700::1111", "1.0.0.1", "1.1.1.1", "8.8.8.8"]

    assert (await Fetcher(connect, Limits(), names)("https://example.com/")).data == b"hi"
    assert tried == ["2606:4700::1111", "1.0.0.1", "1.1.1.1"]


async def test_hosts_of_the_operators_own_are_read(client: Client) -> None:
    async with upstream(serving(reply(b"mine"))) as server:
        fetcher = Fetcher(client.exchange, Limits(allow=frozenset({f"127.0.0.1:{server.port}"})))
        assert (await fetcher(f"{server.base_url}/a")).data == b"mine"
        assert await refusal(fetcher, f"http://localhost:{server.port}/") == CANNOT_BE_READ
        assert await refusal(fetcher, f"http://127.0.0.1:{server.port + 1}/") == CANNOT_BE_READ


async def test_no_connection_is_kept(client: Client) -> None:
    async with upstream(serving(reply(b"mine"))) as server:
        fetcher = Fetcher(client.exchange, Limits(allow=frozenset({f"127.0.0.1:{server.port}"})))
        await fetcher(f"{server.base_url}/a")
        await fetcher(f"{server.base_url}/a")
        assert len(server.wires) == 2
    assert client._deadlines._watched == set()


async def test_names_that_are_not_found_in_time_hold_up_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    found = threading.Event()

    def getaddrinfo(host: str, *_: object, **__: object) -> object:
        if host == "hung.example":
            found.wait(60)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    hung = [asyncio.ensure_future(resolve("hung.example", 443)) for _ in range(40)]
    try:
        await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().getaddrinfo("localhost", 443)
    finally:
        found.set()
        await asyncio.gather(*hung)
