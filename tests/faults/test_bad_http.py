"""Bytes that are no HTTP, or HTTP of two meanings, or too slow: refused or closed, and the server lives."""

from __future__ import annotations

import gzip
import os
import select
import time
from pathlib import Path

import pytest

from gateway import FakeServer, Gateway, model_tables, provider_table
from patience import PATIENCE, until
from rawhttp import GOOD_CHAT, Conversation, chat_body, connected, converse, head_of, post_chat, read_answers, refused

# -- bodies --


def test_a_body_over_the_cap_is_refused_before_it_is_sent(gateway: Gateway) -> None:
    head = head_of() + b"Content-Length: 33554433\r\nExpect: 100-continue\r\n\r\n"
    error = refused(gateway, head, 413)
    assert "33554432" in error["message"]


@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/nothing", "/v1/chat/completions?x=1"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_cap_is_refused_while_it_is_sent(hasty: Gateway, target: str, *, chunked: bool) -> None:
    piece = b"x" * 10_000
    if chunked:
        sent = head_of(f"POST {target} HTTP/1.1", "Transfer-Encoding: chunked") + b"\r\n"
        sent += (b"%x\r\n%b\r\n" % (len(piece), piece)) * 1000
    else:
        sent = head_of(f"POST {target} HTTP/1.1") + b"Content-Length: %d\r\n\r\n" % (1000 * len(piece)) + piece * 1000
    conversation = converse(hasty.port, sent, linger=5.0)
    expected = {404, 413} if chunked and "nothing" in target else {413}  # what is not there may say so first
    assert conversation.answers[0].status in expected
    assert conversation.answers[0].error
    assert len(conversation.answers) == 1
    assert conversation.closed


def test_a_client_that_sends_too_much_without_looking_reads_why(gateway: Gateway) -> None:
    assert gateway.request("POST", "/v1/chat/completions", b"x" * (40 << 20)).status == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_body_is_refused(gateway: Gateway, encoding: str) -> None:
    error = refused(gateway, post_chat(gzip.compress(GOOD_CHAT), f"Content-Encoding: {encoding}"), 400)
    assert "ompressed" in error["message"]


def test_a_chunked_body_is_as_good_as_any(gateway: Gateway) -> None:
    pieces = [GOOD_CHAT[at : at + 7] for at in range(0, len(GOOD_CHAT), 7)]
    sent = head_of("POST /v1/chat/completions HTTP/1.1", "Transfer-Encoding: chunked") + b"\r\n"
    sent += b"".join(b"%x;extension=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    sent += b"0\r\nX-Trailer: 1\r\nAuthorization: Bearer somebody-else\r\n\r\n"
    assert converse(gateway.port, sent).only.status == 200


# -- slow clients --


@pytest.mark.parametrize("begun", [b"", b"\r\n\r\n"])
def test_a_connection_that_asks_nothing_is_closed(hasty: Gateway, begun: bytes) -> None:
    conversation = converse(hasty.port, begun)
    assert conversation.received == b""
    assert conversation.closed
    assert conversation.seconds > 0.3


def _trickle(gateway: Gateway, begun: bytes, rest: bytes, pause: float) -> Conversation:
    """Send *begun*, then one byte of *rest* every *pause* seconds until the server answers."""
    began = time.monotonic()
    with connected(gateway.port) as client:
        client.sendall(begun)
        for position in range(len(rest)):
            client.sendall(rest[position : position + 1])
            if select.select([client], [], [], pause)[0]:
                break
        return read_answers(client, began=began)


def test_headers_that_trickle_are_cut_off(hasty: Gateway) -> None:
    conversation = _trickle(hasty, b"POST /v1/chat/completions HTTP/1.1\r\n", b"X-Slow: 1\r\n" * 100, 0.05)
    assert conversation.only.status == 408
    assert conversation.only.error


@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/key"])
def test_a_body_that_is_promised_and_never_comes_times_out(hasty: Gateway, target: str) -> None:
    sent = head_of(f"POST {target} HTTP/1.1") + b"Content-Length: 1000\r\n\r\n{"
    conversation = converse(hasty.port, sent)
    assert conversation.only.status in ({408} if "chat" in target else {405, 408})
    assert conversation.only.error


def test_a_body_that_trickles_without_end_is_cut_off(hasty: Gateway) -> None:
    sent = head_of() + b"Content-Length: 40000\r\n\r\n"
    conversation = _trickle(hasty, sent, GOOD_CHAT + b" " * 40_000, 0.02)
    assert conversation.only.status == 408
    assert conversation.seconds < PATIENCE  # it would trickle for minutes


def test_chunk_extensions_and_trailers_without_end_are_cut_off(hasty: Gateway) -> None:
    begun = head_of("POST /v1/chat/completions HTTP/1.1", "Transfer-Encoding: chunked") + b"\r\n5;x="
    assert _trickle(hasty, begun, b"y" * 1000, 0.02).only.status == 408
    trailers = b"".join(b"X-%d: 1\r\n" % number for number in range(20_000))
    sent = head_of("POST /v1/chat/completions HTTP/1.1", "Transfer-Encoding: chunked") + b"\r\n0\r\n" + trailers
    assert converse(hasty.port, sent).only.status == 413
    one = b"X: " + b"y" * 200_000
    sent = head_of("POST /v1/chat/completions HTTP/1.1", "Transfer-Encoding: chunked") + b"\r\n0\r\n" + one
    assert converse(hasty.port, sent).only.status == 413


@pytest.mark.alone
def test_many_slow_connections_leave_room_for_others_only_up_to_the_cap(hasty: Gateway) -> None:
    slow = [connected(hasty.port) for _ in range(39)]
    try:
        for client in slow:
            client.sendall(b"POST /v1/chat")
        assert hasty.request("GET", "/health").status == 200
        extra = [connected(hasty.port) for _ in range(5)]
        slow += extra
        time.sleep(0.05)
        crowded = converse(hasty.port, post_chat(GOOD_CHAT)).only
        assert crowded.status == 503
        assert crowded.headers["retry-after"] == "1"
        assert crowded.error
    finally:
        for client in slow:
            client.close()
    time.sleep(0.1)


# -- smuggling --

_CHUNKED_GOOD = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD_CHAT), GOOD_CHAT)
_SECOND = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def _with(*lines: str, body: bytes = GOOD_CHAT, host: str | None = "gateway") -> bytes:
    return head_of("POST /v1/chat/completions HTTP/1.1", *lines, host=host) + b"\r\n" + body


_LENGTH = f"Content-Length: {len(GOOD_CHAT)}"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(_with(_LENGTH, "Transfer-Encoding: chunked", body=_CHUNKED_GOOD), id="length and chunked"),
        pytest.param(_with("Transfer-Encoding: chunked", _LENGTH, body=_CHUNKED_GOOD), id="chunked and length"),
        pytest.param(_with(_LENGTH, "Content-Length: 5"), id="two lengths"),
        pytest.param(_with(_LENGTH, _LENGTH), id="the same length twice"),
        pytest.param(_with(f"Content-Length: {len(GOOD_CHAT)}, {len(GOOD_CHAT)}"), id="a list of lengths"),
        pytest.param(_with(f"Content-Length: +{len(GOOD_CHAT)}"), id="a signed length"),
        pytest.param(_with("Content-Length: -1"), id="a negative length"),
        pytest.param(_with("Content-Length: 0x50"), id="a hexadecimal length"),
        pytest.param(_with("Content-Length: 99999999999999999999999"), id="a length of 77 bits"),
        pytest.param(_with("Content-Length:"), id="an empty length"),
        pytest.param(_with("Transfer-Encoding: xchunked", body=_CHUNKED_GOOD), id="an unknown coding"),
        pytest.param(_with("Transfer-Encoding: chunked, identity", body=_CHUNKED_GOOD), id="chunked is not last"),
        pytest.param(_with("Transfer-Encoding : chunked", body=_CHUNKED_GOOD), id="space before the colon"),
        pytest.param(_with("Transfer-Encoding: \x0bchunked", body=_CHUNKED_GOOD), id="a vertical tab"),
        pytest.param(_with("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), id="two codings"),
        pytest.param(_with(_LENGTH, "X-A: a\r\n b"), id="a folded header"),
        pytest.param(_with(_LENGTH, "X-A: a\rX-B: b"), id="a bare CR"),
        pytest.param(_with(_LENGTH, "X-A: a\x00b"), id="a NUL"),
        pytest.param(_with(_LENGTH, "X-A : a"), id="space before another colon"),
        pytest.param(_with(_LENGTH, "no colon"), id="a line without a colon"),
        pytest.param(_with(_LENGTH, ": no name"), id="a header without a name"),
        pytest.param(_with(_LENGTH).replace(b"\r\n", b"\n"), id="bare LF"),
        pytest.param(_with(_LENGTH, "Host: other"), id="two hosts"),
        pytest.param(_with(_LENGTH, host=None), id="no host"),
        pytest.param(_with(_LENGTH, host=""), id="an empty host"),
        pytest.param(_with(_LENGTH, host="a/?#"), id="a host with a path"),
        pytest.param(_with(_LENGTH, host="user@a"), id="a host with a user"),
        pytest.param(_with(_LENGTH, host="a b"), id="a host with a space"),
        pytest.param(_with(_LENGTH, "Authorization: Bearer other"), id="two keys"),
        pytest.param(_with("Transfer-Encoding: chunked", body=b"Z\r\nhello\r\n0\r\n\r\n"), id="a bad chunk size"),
        pytest.param(_with("Transfer-Encoding: chunked", body=b"5\nhello\n0\n\n"), id="chunks with bare LF"),
        pytest.param(_with("Transfer-Encoding: chunked", body=b"2\r\n{}X\r\n0\r\n\r\n"), id="a chunk too long"),
        pytest.param(_with("Transfer-Encoding: chunked", body=b"-1\r\n{}\r\n0\r\n\r\n"), id="a negative chunk"),
        pytest.param(_with("Transfer-Encoding: chunked", body=b"f" * 20 + b"\r\n{}"), id="a chunk of 80 bits"),
        pytest.param(post_chat(GOOD_CHAT, line="POST /v1/chat/completions HTTP/2.0"), id="version 2.0"),
        pytest.param(post_chat(GOOD_CHAT, line="POST /v1/chat/completions HTTP/0.9"), id="version 0.9"),
        pytest.param(post_chat(GOOD_CHAT, line="POST /v1/chat/completions HTTP/9.9"), id="version 9.9"),
        pytest.param(post_chat(GOOD_CHAT, line="POST /v1/chat/completions"), id="no version"),
        pytest.param(post_chat(GOOD_CHAT, line="POST /v1/chat\x01/completions HTTP/1.1"), id="a control character"),
        pytest.param(post_chat(GOOD_CHAT, line="POST /v1/chat/\xff HTTP/1.1"), id="a target beyond ASCII"),
        pytest.param(post_chat(GOOD_CHAT, line="FOO /v1/chat/completions HTTP/1.1"), id="an unknown method"),
        pytest.param(b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n", id="CONNECT"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="the preface of HTTP/2"),
        pytest.param(bytes.fromhex("16030100c8010000c40303") + bytes(60), id="TLS"),
        pytest.param(bytes(range(256)), id="noise"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_closed(gateway: Gateway, sent: bytes) -> None:
    conversation = converse(gateway.port, sent + _SECOND, linger=5.0)
    assert conversation.only.status == 400
    assert conversation.only.error
    assert conversation.closed


@pytest.mark.parametrize(
    ("sent", "status", "word"),
    [
        pytest.param(post_chat(GOOD_CHAT, "X-Large: " + "a" * 100_000), 431, "headers", id="a header of 100 kB"),
        pytest.param(post_chat(GOOD_CHAT, "X" * 100_000 + ": a"), 431, "headers", id="a name of 100 kB"),
        pytest.param(post_chat(GOOD_CHAT, *["X-A: a"] * 2000), 431, "headers", id="2000 headers"),
        pytest.param(head_of("GET /" + "a" * 65536 + " HTTP/1.1") + b"\r\n", 414, "address", id="a target of 64 kB"),
    ],
)
def test_a_head_beyond_the_caps_is_refused(gateway: Gateway, sent: bytes, status: int, word: str) -> None:
    error = refused(gateway, sent, status)
    assert word in error["message"]
    assert error["metadata"]["error_type"] == "invalid_request"


# -- HTTP that is right, if rare --


def test_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    sent = post_chat(GOOD_CHAT) + _SECOND + post_chat(GOOD_CHAT.replace(b"Hello", b"Second"))
    answers = converse(gateway.port, sent, answers=3).answers
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].json()["choices"][0]["message"]["content"] == "Hello"
    assert answers[1].json()["status"] == "ok"
    assert answers[2].json()["choices"][0]["message"]["content"] == "Second"


def test_a_connection_is_usable_after_an_ordinary_error(gateway: Gateway) -> None:
    sent = post_chat(chat_body(model="nobody/nothing")) + post_chat(b"{") + post_chat(GOOD_CHAT)
    assert [answer.status for answer in converse(gateway.port, sent, answers=3).answers] == [400, 400, 200]


def test_a_broken_request_behind_a_good_one_gets_no_answer_of_its_own_in_its_place(gateway: Gateway) -> None:
    conversation = converse(gateway.port, post_chat(GOOD_CHAT) + b"NONSENSE\r\n\r\n", answers=2, wait=2)
    assert conversation.closed
    assert [answer.status for answer in conversation.answers] in ([], [200], [200, 400])


def test_expect_continue_is_answered_before_the_body(gateway: Gateway) -> None:
    began = time.monotonic()
    with connected(gateway.port) as client:
        client.sendall(head_of() + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(GOOD_CHAT))
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(GOOD_CHAT)
        assert read_answers(client, began=began).only.status == 200


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "nonsense"])
def test_a_wish_for_another_protocol_is_passed_over(gateway: Gateway, protocol: str) -> None:
    upgrade = ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AAMAAABkAAQAoAAA"]
    assert converse(gateway.port, post_chat(GOOD_CHAT, *upgrade)).only.status == 200
    parts = post_chat(GOOD_CHAT, *upgrade)
    began = time.monotonic()
    with connected(gateway.port) as client:
        for part in (parts[:40], parts[40:-20], parts[-20:]):
            client.sendall(part)
            time.sleep(0.02)
        assert read_answers(client, began=began).only.status == 200


def test_an_absolute_target_is_served_here_and_nowhere_else(gateway: Gateway) -> None:
    sent = post_chat(GOOD_CHAT, line="POST http://elsewhere.example/v1/chat/completions HTTP/1.1")
    assert converse(gateway.port, sent).only.status == 200


@pytest.mark.parametrize("stream", [False, True])
def test_http_1_0_gets_a_plain_answer_that_ends_with_the_connection(gateway: Gateway, *, stream: bool) -> None:
    sent = post_chat(chat_body(stream=stream), line="POST /v1/chat/completions HTTP/1.0")
    conversation = converse(gateway.port, sent, linger=5.0)
    assert conversation.closed
    assert conversation.only.status == 200
    assert "transfer-encoding" not in conversation.only.headers
    assert (b"data: [DONE]" in conversation.only.body) is stream


def test_connection_close_is_honoured(gateway: Gateway) -> None:
    conversation = converse(gateway.port, post_chat(GOOD_CHAT, "Connection: close") + _SECOND, linger=5.0)
    assert conversation.only.status == 200
    assert conversation.closed


def test_no_header_of_a_request_chooses_where_it_goes(gateway: Gateway, fake: FakeServer) -> None:
    before = len(fake.journal())
    lines = [
        "X-Forwarded-Host: 10.0.0.1", "X-Forwarded-For: 10.0.0.1", "X-Original-URL: /metrics",
        "X-HTTP-Method-Override: DELETE", "Proxy: http://10.0.0.1", "X-Base-Url: http://10.0.0.1/v1",
        "Api-Base: http://10.0.0.1/v1", "X-Provider: openai",
    ]  # fmt: skip
    extra = {"api_base": "http://10.0.0.1", "base_url": "http://10.0.0.1", "extra_body": {"model": "x"}}
    assert converse(gateway.port, post_chat(chat_body(**extra), *lines)).only.status == 200
    assert len(fake.journal()) == before + 2


def test_more_callers_than_descriptors_are_refused_without_a_fuss(fake: FakeServer, tmp_path: Path) -> None:
    toml = "[catalog]\nbundled = false\n" + provider_table("acme", fake.base_url)
    toml += model_tables("acme/echo", [("acme", "echo", "{}")])
    with Gateway(tmp_path, toml, descriptors=128) as gateway:
        assert gateway.chat("acme/echo").status == 200
        assert gateway.request("GET", "/health").status == 200  # by now all is built
        clients = [connected(gateway.port) for _ in range(200)]
        crowded = converse(gateway.port, post_chat(GOOD_CHAT)).only
        assert crowded.status == 503
        assert crowded.headers["retry-after"] == "1"
        busy = _processor_seconds(gateway)
        time.sleep(0.5)
        assert _processor_seconds(gateway) - busy < 0.25
        for client in clients:
            client.close()
        until(lambda: _answers(gateway))
        assert "Too many open files" not in gateway.log()


def _answers(gateway: Gateway) -> bool:
    try:
        return gateway.chat("acme/echo").status == 200
    except OSError:
        return False


def _processor_seconds(gateway: Gateway) -> float:
    assert gateway.process is not None
    fields = Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
