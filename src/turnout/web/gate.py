"""The API as a signed-in browser calls it: below ``/session``, with a cookie in place of a key.

Nothing else of the gateway knows the cookie, and the browser sends it nowhere else. A write must repeat the session's
CSRF token in a header, which no foreign page can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from hashlib import sha256
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from turnout.base.jsons import encode

__all__ = ["COOKIE", "CSRF_HEADER", "behind_session", "csrf_of", "is_write", "secret_of"]

COOKIE: Final = "turnout_session"
CSRF_HEADER: Final = "x-csrf-token"
_PREFIX: Final = "/session"
_BELOW: Final = "/session/api/"
_TAUGHT: Final = "/api/v1/training_tables/"
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DROPPED: Final = frozenset({b"authorization", b"cookie", CSRF_HEADER.encode()})

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_Application = Callable[[_Message, _Receive, _Send], Awaitable[None]]


def behind_session(application: _Application, spending: Collection[str]) -> _Application:
    """*application*, which is asked too for what comes below ``/session``.

    POST to one of the paths of *spending*, or to a training table, whose voters are asked, goes to the session's
    spending key, everything else to the one that it signed in with.
    """

    async def gate(scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_BELOW):
            await application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        secret = secret_of(headers.get(b"cookie", b"").decode("latin-1"))
        if not secret:
            await _refuse(send, 401, "You are not signed in", "unauthenticated")
            return
        sent = headers.get(CSRF_HEADER.encode(), b"")
        if is_write(scope["method"]) and not compare_digest(sent, csrf_of(secret).encode()):
            await _refuse(send, 403, "The page is out of date; load it anew", "forbidden")
            return
        path = scope["path"].removeprefix(_PREFIX)
        spends = path in spending or path.startswith(_TAUGHT)
        scheme = "Playground" if scope["method"] == "POST" and spends else "Session"
        kept = [(name, value) for name, value in scope["headers"] if name not in _DROPPED]
        inside = {
            **scope,
            "path": path,
            "raw_path": (scope.get("raw_path") or b"").removeprefix(_PREFIX.encode()),
            "headers": [*kept, (b"authorization", f"{scheme} {secret}".encode("latin-1"))],
        }
        await application(inside, receive, send)

    return gate


def secret_of(cookies: str) -> str:
    """The session's secret in a ``Cookie`` header; empty when there is none."""
    try:
        found = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def csrf_of(secret: str) -> str:
    """What a page must send with a write: it follows from the secret, which the page itself cannot read."""
    return sha256(b"csrf\0" + secret.encode("utf-8", "replace")).hexdigest()


def is_write(method: str) -> bool:
    """Whether a request of that method may change something."""
    return method not in _READS


async def _refuse(send: _Send, status: int, message: str, error_type: str) -> None:
    body = encode({"error": {"code": status, "message": message, "metadata": {"error_type": error_type}}})
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
