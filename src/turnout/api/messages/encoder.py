"""One answer in the words of the Messages API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.api.chat import hides_reasoning
from turnout.api.figures import costs
from turnout.api.messages.blocks import Blocks, call_block, cited, closed_thoughts, image_block
from turnout.api.messages.refusal import error_object
from turnout.api.pieces import Delta, bare_text, fields_in, read_delta, speechless, thoughts_in, veiled
from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Chunk, Completion
from turnout.domain.usage import NO_USAGE, Cost, Usage

__all__ = ["MessagesEncoder"]

_STOPS: Final = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal",
    "error": "end_turn",
}  # fmt: skip
_OWN_STOPS: Final = frozenset({
    "compaction", "end_turn", "max_tokens", "model_context_window_exceeded", "pause_turn", "refusal", "stop_sequence",
    "tool_use",
})  # fmt: skip
_TIERS: Final = frozenset({"standard", "priority", "batch"})
_MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_EVENT: Final = b"event: %b\ndata: %b\n\n"
_REFUSAL: Final = "refusal"


class _Kind(Struct):
    type: str = ""


_kind = msgspec.json.Decoder(_Kind).decode


@final
class MessagesEncoder:
    """Blocks made of chunks; or, where the provider speaks the language too, what it said, under our names."""

    def __init__(self, generation_id: str, request: ChatRequest) -> None:
        self._id = generation_id
        self._model = request.parameters.model or ""
        self._provider = ""
        self._hides = hides_reasoning(request)
        self._blocks = Blocks()
        self._started = self._relays = False
        self._finish: str | None = None
        self._native: str | None = None
        self._refusal: str | None = None
        self._last: dict[str, Raw] = {}  # the provider's own last event
        self._tier: str | None = None

    def served_by(self, model: str, provider_name: str) -> None:
        """Note who answers."""
        self._model, self._provider = model, provider_name

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The message."""
        if completion.verbatim is not None and (fields := fields_in(completion.verbatim)):
            used = fields_in(bytes(fields.get("usage", NULL))) | _costs(price)
            named = {"id": self._id, "model": self._model, "provider": self._provider, "usage": used}
            return encode(fields | named)
        choice = completion.choices[0]
        said = read_delta(encode(choice.message))
        content = self._content(said)
        called = bool(said.tool_calls)
        self._refusal, self._tier = said.refusal, completion.service_tier
        stop = _stop_reason(choice.finish_reason, choice.native_finish_reason, called=called)
        return encode(self._message(content, stop, usage_of(usage, completion.service_tier) | _costs(price)))

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """The events for *chunks*."""
        events: list[bytes] = []
        for chunk in chunks:
            if chunk.verbatim is not None:
                events.append(self._relay(chunk.verbatim))
                continue
            for choice in chunk.choices:
                if choice.index:
                    continue  # there is one answer
                if not self._started:
                    events.append(self._start(chunk))
                if choice.finish_reason is not None:
                    self._finish, self._native = choice.finish_reason, choice.native_finish_reason
                delta = bytes(choice.delta)
                if (text := bare_text(delta)) is not None:
                    if len(text) > 2:
                        events.append(self._blocks.text(text))
                elif len(delta) > 2:
                    events.append(self._told(read_delta(delta)))
        return b"".join(events)

    def end(self, usage: Usage, price: Cost) -> bytes:
        """The end of the last block, why and with what usage the message ends, and its end."""
        if self._relays:
            used: dict[str, Any] = fields_in(bytes(self._last.get("usage", NULL))) or usage_of(usage, self._tier)
            delta: Any = self._last.get("delta") or self._ending(called=False)
            last = self._last | {"type": "message_delta", "delta": delta, "usage": used | _costs(price)}
            return _EVENT % (b"message_delta", encode(last)) + _MESSAGE_STOP
        begun = b"" if self._started else self._start(None)
        closed = self._blocks.close()
        last = {
            "type": "message_delta",
            "delta": self._ending(called=self._blocks.called),
            "usage": usage_of(usage, self._tier) | _costs(price),
        }
        return begun + closed + _EVENT % (b"message_delta", encode(last)) + _MESSAGE_STOP

    def failed(self, error: TurnoutError) -> bytes:
        """The event that carries *error*; nothing follows it."""
        return _EVENT % (b"error", encode({"type": "error", "error": error_object(error)}))

    def _told(self, delta: Delta) -> bytes:
        self._refusal = delta.refusal or self._refusal
        return self._blocks.take(veiled(delta) if self._hides else delta)

    def _relay(self, event: bytes) -> bytes:
        """What the provider said, under our names; its last word about usage waits until that is priced."""
        if b"\n" in event:  # it came in several lines, and leaves in one
            event = event.replace(b"\n", b" ")
        try:
            kind = _kind(event).type
        except (msgspec.DecodeError, UnicodeDecodeError):
            return b""
        self._relays = True
        if kind == "content_block_delta":
            return b"event: content_block_delta\ndata: %b\n\n" % event
        if kind == "message_start":
            fields = fields_in(event)
            message = fields_in(bytes(fields.get("message", NULL)))
            named = {"id": self._id, "model": self._model, "provider": self._provider}
            self._started = True
            return _EVENT % (b"message_start", encode(fields | {"message": message | named}))
        if kind == "message_delta":
            self._last = _merged(self._last, fields_in(event))
            return b""
        return _EVENT % (kind.encode(), event) if kind.isidentifier() else b"data: %b\n\n" % event

    def _start(self, chunk: Chunk | None) -> bytes:
        self._started = True
        self._tier = chunk.service_tier if chunk is not None else None
        message = self._message([], None, usage_of(NO_USAGE, self._tier))
        return _EVENT % (b"message_start", encode({"type": "message_start", "message": message}))

    def _message(self, content: list[Any], stop: str | None, usage: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "stop_details": self._details(stop),
            "container": None,
            "provider": self._provider,
            "usage": usage,
        }

    def _ending(self, *, called: bool) -> dict[str, Any]:
        stop = _stop_reason(self._finish, self._native, called=called)
        return {"stop_reason": stop, "stop_sequence": None, "stop_details": self._details(stop), "container": None}

    def _details(self, stop: str | None) -> dict[str, Any] | None:
        if stop != _REFUSAL:
            return None
        return {"type": _REFUSAL, "category": None, "explanation": self._refusal}

    def _content(self, said: Delta) -> list[Any]:
        """The blocks of a whole message: thoughts stand where they were in the text."""
        text = said.content or said.refusal or ""
        thoughts = thoughts_in(said)
        blocks: list[Any] = []
        done = 0
        for thought in speechless(thoughts) if self._hides else thoughts:
            place = thought.get("position")
            if isinstance(place, int) and done < place <= len(text):
                blocks.append({"type": "text", "text": text[done:place], "citations": None})
                done = place
            blocks += closed_thoughts(thought)
        if text[done:]:
            sources = [cited(one) for one in said.citations] or None
            blocks.append({"type": "text", "text": text[done:], "citations": sources})
        blocks += [image_block(url) for url in said.pictures]
        return blocks + [call_block(call) for call in said.tool_calls or ()]


def usage_of(usage: Usage, tier: str | None) -> dict[str, Any]:
    """Token counts as the language counts them: what was read from and written to a cache stands beside the rest."""
    searches = usage.web_searches
    return {
        "input_tokens": usage.fresh + usage.audio_prompt,
        "cache_creation_input_tokens": usage.cache_write + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "server_tool_use": {"web_search_requests": searches, "web_fetch_requests": 0} if searches else None,
        "service_tier": tier if tier in _TIERS else "standard",
        "inference_geo": None,
    }


def _costs(price: Cost) -> dict[str, Any]:
    return costs(price, "prompt", "completions")


def _stop_reason(finish: str | None, native: str | None, *, called: bool) -> str:
    """Why it stopped, in the language's words; an answer that calls tools always stops for them."""
    if native in _OWN_STOPS and (native != "end_turn" or not called):
        return native
    stop = _STOPS.get(finish or "stop", "end_turn")
    return "tool_use" if stop == "end_turn" and called else stop


def _merged(first: dict[str, Raw], second: dict[str, Raw]) -> dict[str, Raw]:
    """Two last words as one: a provider may say of its usage what it has not said of why it stopped."""
    if not first:
        return second
    merged = first | second
    for name in ("delta", "usage"):
        if name in first and name in second:
            merged[name] = Raw(encode(fields_in(bytes(first[name])) | _without_nulls(fields_in(bytes(second[name])))))
    return merged


def _without_nulls(fields: dict[str, Raw]) -> dict[str, Raw]:
    return {name: value for name, value in fields.items() if bytes(value) != b"null"}
