"""An answer that is kept: how it is taken on its way to the client, and what of it is given again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import TurnoutError
from turnout.contracts.reply import Flow, Reply

__all__ = ["Kept", "Tee", "reusable"]

_MOST_BYTES: Final = 8 * 2**20
_EVENTS: Final = b"text/event-stream"
_EVENT_END: Final = b"\n\n"
_DATA: Final = b"data: "
_PREFIX: Final = len("gen-")
_NO_REUSE: Final = b'"finish_reason":"error"'
_NESTED: Final = ("message", "response")
"""Where events of some families have what others have at the top."""
_DROPPED: Final = "openrouter_metadata"
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_MISFIT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Kept(Struct, frozen=True, array_like=True):
    """An answer, whole or a stream, as the client got it.

    Attributes:
        id: of its generation.
        stream: it is a stream of events.
        body: all of it; None where it was too large to be kept.
        dropped: parameters that the provider did not get.
        model: the model that it names; ``created``: when it says that it was made.
        at: unix seconds when it was kept; ``seconds``: for how long.
    """

    id: str
    stream: bool
    body: bytes | None
    dropped: str = ""
    model: str = ""
    created: int = 0
    at: float = 0.0
    seconds: int = 0

    def renewed(self, generation_id: str, created: int) -> bytes:
        """The body as the answer of another generation. Only of what :func:`reusable` gave."""
        body = (self.body or b"").replace(self.id[_PREFIX:].encode(), generation_id[_PREFIX:].encode())
        for name in (b"created", b"created_at"):
            body = body.replace(b'"%b":%d' % (name, self.created), b'"%b":%d' % (name, created))
        return body


@final
class Tee:
    """The client's side of a request whose answer may be kept. All goes on at once but the end of it: that waits for
    :meth:`let_go`, so that whoever has an answer can rely on its being kept.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._parts: list[bytes] = []
        self._size = 0
        self._end: Callable[[], None] | None = None
        self._id = self._dropped = ""
        self._complete = False

    @property
    def flow(self) -> Flow | None:
        """What to pause when the client reads too slowly."""
        return self._reply.flow

    @flow.setter
    def flow(self, flow: Flow | None) -> None:
        self._reply.flow = flow

    @property
    def gone(self) -> bool:
        """The client has left."""
        return self._reply.gone

    @gone.setter
    def gone(self, gone: bool) -> None:
        self._reply.gone = gone

    @property
    def started(self) -> bool:
        """The head of a stream has gone out."""
        return self._reply.started

    @started.setter
    def started(self, started: bool) -> None:
        self._reply.started = started

    @property
    def written(self) -> int:
        """How often something was written."""
        return self._reply.written

    @written.setter
    def written(self, written: int) -> None:
        self._reply.written = written

    @property
    def more(self) -> bytes:
        """Header lines beside the usual ones."""
        return self._reply.more

    @more.setter
    def more(self, more: bytes) -> None:
        self._reply.more = more

    def whole(self, generation_id: str, overhead_ms: float, body: bytes, dropped: str) -> None:
        """Hold a JSON answer."""
        self._id, self._dropped, self._complete = generation_id, dropped, True
        self._collect(body)
        self._end = partial(self._reply.whole, generation_id, overhead_ms, body, dropped)

    def start(self, generation_id: str, overhead_ms: float, dropped: str, media_type: bytes = _EVENTS) -> None:
        """Pass the head of a stream on; what is no events is not kept."""
        self._id, self._dropped = generation_id, dropped
        if media_type != _EVENTS:
            self._size = _MOST_BYTES + 1
        self._reply.start(generation_id, overhead_ms, dropped, media_type)

    def write(self, data: bytes) -> None:
        """Pass more of the stream on."""
        self._collect(data)
        self._reply.write(data)

    def finish(self, data: bytes) -> None:
        """Hold the last of the stream."""
        self._complete = True
        self._collect(data)
        self._end = partial(self._reply.finish, data)

    def cut(self) -> None:
        """Break a stream off; it is not kept."""
        self._reply.cut()

    def refuse(self, error: TurnoutError, generation_id: str | None) -> None:
        """Hold an error; it is not kept."""
        self._end = partial(self._reply.refuse, error, generation_id)

    def let_go(self) -> None:
        """Pass on what was held."""
        end, self._end = self._end, None
        if end is not None:
            end()

    def taken(self) -> Kept | None:
        """The answer, if it is one and came to its end without an error; comments are left out."""
        if not self._complete:
            return None
        if self._size > _MOST_BYTES:
            return Kept(self._id, self._reply.started, None, self._dropped)
        body, stream = b"".join(self._parts), self._reply.started
        events = body.split(_EVENT_END) if stream else [_DATA + body]
        if not all(map(_is_sound, events)):
            return None
        if stream:
            body = _EVENT_END.join(event for event in events if not event.startswith(b":"))
        return Kept(self._id, stream, body, self._dropped)

    def _collect(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= _MOST_BYTES:
            self._parts.append(data)
        else:
            self._parts.clear()


def reusable(kept: Kept) -> Kept | None:
    """*kept* as it may answer other requests: without use and without the way that it came; None where it may not."""
    body = kept.body
    if body is None or _NO_REUSE in body:
        return None
    facts: dict[str, Any] = {}
    try:
        if kept.stream:
            body = _EVENT_END.join(_cleaned_event(event, facts) for event in body.split(_EVENT_END))
        else:
            body = _cleaned(body, facts)
    except _MISFIT:
        return None
    return msgspec.structs.replace(kept, body=body, **facts)


def _cleaned_event(event: bytes, facts: dict[str, Any]) -> bytes:
    start = _data_of(event)
    return event if event[start : start + 1] != b"{" else event[:start] + _cleaned(event[start:], facts)


def _data_of(event: bytes) -> int:
    """Where the data of *event* begin, which are of one line; the end where it has none."""
    if event.startswith(_DATA):
        return len(_DATA)
    found = event.find(b"\n" + _DATA)
    return len(event) if found < 0 else found + 1 + len(_DATA)


def _cleaned(text: bytes | Raw, facts: dict[str, Any]) -> bytes:
    """The object in *text* with a usage of zeros; *facts* gets what it says of itself."""
    fields = _decode_fields(text)
    fields.pop(_DROPPED, None)
    if "usage" in fields:
        fields["usage"] = Raw(msgspec.json.encode(_zeros(msgspec.json.decode(fields["usage"]))))
    for name in _NESTED:
        if bytes(fields.get(name, b""))[:1] == b"{":
            fields[name] = Raw(_cleaned(fields[name], facts))
    for name, fact, kind in (("model", "model", str), ("created", "created", int), ("created_at", "created", int)):
        if fact not in facts and name in fields:
            facts[fact] = msgspec.json.decode(fields[name], type=kind)
    return msgspec.json.encode(fields)


def _zeros(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """*value* with zero for each number in it."""
    if isinstance(value, dict):
        return {name: _zeros(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_zeros(one) for one in value]
    return 0 if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_sound(event: bytes) -> bool:
    """Whether *event* tells of no error."""
    if b'"error"' not in event:
        return True
    try:
        fields = _decode_fields(event[_data_of(event) :])
        while bytes(fields.get("error", b"null")) == b"null" and "response" in fields:
            fields = _decode_fields(fields["response"])
    except _MISFIT:
        return True
    return bytes(fields.get("error", b"null")) == b"null"
