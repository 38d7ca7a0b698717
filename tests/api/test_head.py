"""HEAD is GET without a body."""

from collections.abc import MutableMapping
from typing import Any

from turnout.api.head import HeadAsGet


async def _asked(method: str) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def application(scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
        headers = [(b"method", scope["method"].encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"five!", "more_body": False})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await HeadAsGet(application)({"type": "http", "method": method}, receive, send)
    return sent


async def test_the_application_sees_a_get_and_the_client_no_body() -> None:
    start, body = await _asked("HEAD")
    assert start["headers"] == [(b"method", b"GET")]
    assert body["body"] == b""
    assert body["more_body"] is False


async def test_other_methods_pass_untouched() -> None:
    start, body = await _asked("GET")
    assert start["headers"] == [(b"method", b"GET")]
    assert body["body"] == b"five!"
