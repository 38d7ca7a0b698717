"""One answer in the words of the Responses API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.api.chat import hides_reasoning
from turnout.api.figures import costs
from turnout.api.pieces import Delta, bare_text, fields_in, read_delta, thoughts_in, veiled
from turnout.api.responses.outputs import Outputs
from turnout.api.responses.refusal import error_field
from turnout.api.responses.tools import tell_tools
from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode, reader
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Chunk, Completion
from turnout.domain.usage import Cost, Usage

__all__ = ["ResponsesEncoder"]

_REASONS: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_CUT_OFF: Final = frozenset({"max_tokens_exceeded", "token_limit_exceeded"})
"""Errors that mean no more than that the answer has become too long."""
_TIERS: Final = {one: one for one in ("auto", "default", "flex", "priority", "scale")} | {"standard": "default"}
_LAST: Final = frozenset({"response.completed", "response.incomplete"})
_NAME: Final = re.compile(r"[\w.]+", re.ASCII)
_KIND: Final = re.compile(rb'\{"type": ?"([\w.]+)"')
_TEXT_DELTA: Final = "response.output_text.delta"
_COSTS: Final = ("cost", "is_byok", "cost_details")
_FAILED: Final = {"code": "server_error", "message": "The provider's answer ended in an error"}
_ECHOED: Final = {
    "background": Raw(b"false"),
    "frequency_penalty": NULL,
    "instructions": NULL,
    "max_output_tokens": NULL,
    "max_tool_calls": NULL,
    "metadata": Raw(b"{}"),
    "parallel_tool_calls": Raw(b"true"),
    "presence_penalty": NULL,
    "prompt_cache_key": NULL,
    "reasoning": Raw(b'{"effort":null,"summary":null}'),
    "safety_identifier": NULL,
    "temperature": NULL,
    "text": Raw(b'{"format":{"type":"text"}}'),
    "tool_choice": Raw(b'"auto"'),
    "tools": Raw(b"[]"),
    "top_logprobs": Raw(b"0"),
    "top_p": NULL,
    "truncation": Raw(b'"disabled"'),
    "user": NULL,
}
"""What a response repeats of its request, and what it says where the request says nothing."""


class _Event(Struct):
    type: str = ""
    sequence_number: int = 0


_event = msgspec.json.Decoder(_Event).decode
_raws = reader(list[Raw])


@final
class ResponsesEncoder:
    """Items made of chunks; or, where the provider speaks the language too, what it said, under our names."""

    def __init__(self, generation_id: str, created: int, request: ChatRequest) -> None:
        self._id = generation_id
        self._created = created
        self._model = request.parameters.model or ""
        self._provider = ""
        self._hides = hides_reasoning(request)
        own = request.original.fields if request.original is not None else {}
        stated = own.get("tools", NULL)
        self._items = Outputs(generation_id, tell_tools(_raws(stated) if stated != NULL else None))
        self._echo = {name: own[name] if own.get(name, NULL) != NULL else said for name, said in _ECHOED.items()}
        self._started = self._relays = False
        self._finish: str | None = None
        self._tier: str | None = None
        self._sent: tuple[bytes, ...] = ()  # to providers
        self._latest = b""  # of the provider's own events
        self._seen: dict[str, Raw] = {}  # the provider's own response, as it was told first
        self._last: dict[str, Raw] = {}  # the provider's own last event

    def served_by(self, model: str, provider_name: str) -> None:
        """Note who answers."""
        self._model, self._provider = model, provider_name

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The response."""
        if completion.verbatim is not None and (fields := fields_in(completion.verbatim)):
            return encode(self._named(fields, _usage_of(usage, price)))
        choice = completion.choices[0]
        self._finish, self._tier = choice.finish_reason, completion.service_tier
        self._say(read_delta(encode(choice.message)), choice.logprobs)
        self._items.close(self._status)
        return encode(self._response(self._status, usage=_usage_of(usage, price)))

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:  # noqa: C901 - one loop over chunks costs less than two
        """The events for *chunks*."""
        events: list[bytes] = []
        for chunk in chunks:
            if chunk.verbatim is not None:
                events.append(self._relay(chunk.verbatim))
                continue
            if self._relays:
                continue  # all of it stands in what the provider said
            if chunk.echo is not None:
                self._sent += (chunk.echo,)
            for choice in chunk.choices:
                if choice.index:
                    continue  # there is one answer
                if not self._started:
                    events.append(self._start(chunk.service_tier))
                if choice.finish_reason is not None:
                    self._finish = choice.finish_reason
                delta = bytes(choice.delta)
                if (text := bare_text(delta)) is not None:
                    if len(text) > 2:
                        events.append(self._items.text(text, choice.logprobs))
                elif len(delta) > 2:
                    events.append(self._items.take(self._shown(read_delta(delta)), choice.logprobs))
        return b"".join(events)

    def end(self, usage: Usage, price: Cost) -> bytes:
        """The end of all items, and the whole response."""
        used = _usage_of(usage, price)
        if self._relays:
            response = self._named(fields_in(bytes(self._last.get("response", NULL))) or self._seen, used)
            status = bytes(response.get("status", b"")).strip(b'"').decode()
            name = f"response.{status}" if f"response.{status}" in _LAST else "response.completed"
            return self._after_theirs().event(name.encode(), _held(response))
        begun = b"" if self._started else self._start(None)
        closed = self._items.close(self._status)
        response = self._response(self._status, usage=used)
        return begun + closed + self._items.event(f"response.{self._status}".encode(), _held(response))

    def failed(self, error: TurnoutError) -> bytes:
        """The event that carries *error*; nothing follows it. What is merely too long is no failure here."""
        if error.error_type in _CUT_OFF and not self._relays:
            self._finish = "length"
            begun = b"" if self._started else self._start(None)
            closed = self._items.close(self._status)
            return begun + closed + self._items.event(b"response.incomplete", _held(self._response(self._status)))
        begun = b"" if self._started else self._start(None)
        begun += self._items.close("incomplete")
        shown = error_field(error)
        told = {"error": shown, "error_type": error.error_type}
        if self._relays:
            response: dict[str, Any] = self._named(self._seen, None) | {"status": "failed"} | told
        else:
            response = self._response("failed") | told
        kind = b',"error_type":%b' % encode(error.error_type)
        return begun + self._after_theirs().event(b"response.failed", _held(response) + kind)

    @property
    def _status(self) -> str:
        if self._finish == "error":
            return "failed"
        return "incomplete" if self._finish in _REASONS else "completed"

    def _shown(self, delta: Delta) -> Delta:
        return veiled(delta) if self._hides else delta

    def _say(self, said: Delta, logprobs: Raw) -> None:
        """A whole message, in the order of a stream: thoughts stand where they were in the text."""
        text = said.content or ""
        said = self._shown(said)
        done = 0
        for thought in thoughts_in(said):
            place = thought.get("position")
            if isinstance(place, int) and done < place <= len(text):
                self._items.text(encode(text[done:place]))
                done = place
            self._items.take(Delta(reasoning_details=[thought]))
        rest = text[done:] or None
        self._items.take(
            Delta(content=rest, refusal=said.refusal, annotations=said.annotations, images=said.images), logprobs
        )
        self._items.take(Delta(tool_calls=_numbered(said)))

    def _start(self, tier: str | None) -> bytes:
        self._started, self._tier = True, tier
        begun = _held(self._response("in_progress"))
        events = [(b"response.created", begun), (b"response.in_progress", begun)]
        events += [(b"response.debug", b'"debug":{"echo_upstream_body":%b}' % sent) for sent in self._sent]
        return b"".join([self._items.event(*event) for event in events])

    def _response(self, status: str, usage: dict[str, Any] | None = None) -> dict[str, Any]:
        over = status != "in_progress"
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "completed_at": self._created if status == "completed" else None,
            "status": status,
            "error": _FAILED if status == "failed" else None,
            "incomplete_details": {"reason": _REASONS[self._finish or ""]} if status == "incomplete" else None,
            "model": self._model,
            "provider": self._provider,
            "output": self._items.items if over else [],
            "previous_response_id": None,
            "service_tier": _TIERS.get(self._tier or ""),
            "store": False,
            **self._echo,
            "usage": usage,
        }

    def _relay(self, event: bytes) -> bytes:
        """What the provider said, under our names; its last word waits until its usage is priced."""
        if b"\n" in event:  # it came in several lines, and leaves in one
            event = event.replace(b"\n", b" ")
        found = _KIND.match(event)
        try:
            kind = found[1].decode() if found is not None else _event(event).type
        except (msgspec.DecodeError, UnicodeDecodeError):
            return b""
        self._relays = self._started = True
        if kind == _TEXT_DELTA:
            self._latest = event
            return b"event: response.output_text.delta\ndata: %b\n\n" % event
        if kind in _LAST:
            self._last = fields_in(event)
            return b""
        self._latest = event
        if kind in {"response.created", "response.in_progress", "response.queued"}:
            fields = fields_in(event)
            self._seen = fields_in(bytes(fields.get("response", NULL)))
            event = encode(fields | {"response": self._named(self._seen, None)})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), event) if _NAME.fullmatch(kind) else b"data: %b\n\n" % event

    def _after_theirs(self) -> Outputs:
        """What writes events, at the number after the provider's own."""
        if self._relays:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                self._items.sequence = _event(self._latest).sequence_number + 1
        return self._items

    def _named(self, response: dict[str, Raw], used: dict[str, Any] | None) -> dict[str, Any]:
        """The provider's own *response* under our names, with what it costs."""
        if used is not None:
            stated = fields_in(bytes(response.get("usage", NULL)))
            used = {**stated, **{name: used[name] for name in _COSTS}} if stated else used
        named = {"id": self._id, "model": self._model, "provider": self._provider}
        return {**response, **named} if used is None else {**response, **named, "usage": used}


def _held(response: dict[str, Any]) -> bytes:
    return b'"response":%b' % encode(response)


def _usage_of(usage: Usage, price: Cost) -> dict[str, Any]:
    """Token counts under the language's names, and what they cost."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    cached = {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write + usage.cache_write_1h}
    used: dict[str, Any] = {
        "input_tokens": prompt,
        "input_tokens_details": cached,
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": prompt + completion,
        **costs(price, "input", "output"),
    }
    if usage.web_searches or usage.tools_requested:
        used["server_tool_use_details"] = {
            "web_search_requests": usage.web_searches,
            "tool_calls_requested": usage.tools_requested,
            "tool_calls_executed": usage.tools_executed,
        }
    return used


def _numbered(said: Delta) -> list[Any] | None:
    """The calls of a whole message, which have no index there."""
    for place, call in enumerate(said.tool_calls or ()):
        call.index = place
    return said.tool_calls
