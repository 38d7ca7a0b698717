"""The plugin that puts answers right that should be JSON and are not quite."""

from __future__ import annotations

from typing import Any, Final, cast, final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode
from turnout.contracts.plugin import Plugin, StreamFilter, Work
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Choice, Chunk, Completion
from turnout.domain.routing import Candidate
from turnout.plugins.healing.fits import Misfit, fitted
from turnout.plugins.healing.repair import diagnose, is_sound

__all__ = ["PLUGIN", "Parameters"]

_FORMS = frozenset({"json_object", "json_schema"})
_HEALED = Raw(b'{"healed":true}')
_SHOWN = 100_000  # characters of an answer that are shown to the model once more
_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


class Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    """``retry``: where nothing helps, the model is asked once more, which costs another call. Not for streams."""

    retry: bool = False


class _Format(Struct, frozen=True):
    """As much of ``response_format`` as says what the answer should be."""

    json_schema: dict[str, Any] | None = None


_decode_format = msgspec.json.Decoder(_Format).decode


@final
class Healing(Work):
    """One request's healing: of answers that are text and should be JSON. What is JSON already is left alone."""

    async def mend(self, completion: Completion, request: ChatRequest, candidate: Candidate) -> Completion:
        """*completion* with every text put right that can be."""
        if not _wants_json(request):
            return completion
        schema = _schema(request)
        choices = [await self._mended(choice, schema, request, candidate) for choice in completion.choices]
        if all(after is before for after, before in zip(choices, completion.choices, strict=True)):
            return completion
        return replace(completion, choices=choices)

    def watch(self, request: ChatRequest, candidate: Candidate) -> StreamFilter | None:
        """What holds the text of a stream until it has ended."""
        del candidate
        return _Held(self, _schema(request)) if _wants_json(request) else None

    def heal(self, text: str, schema: Any) -> str | None:  # noqa: ANN401 - a JSON Schema
        """What goes to the client in place of *text*; None: that itself."""
        if not text or is_sound(text):
            return None
        found = diagnose(text, schema)
        self.job.note(healed=found.text is not None)
        if found.text is None:
            self.job.note(complaint=found.complaint)
        return found.text

    async def _mended(self, choice: Choice, schema: Any, request: ChatRequest, candidate: Candidate) -> Choice:  # noqa: ANN401 - a JSON Schema
        text = _text(choice.message.get("content"))
        if text is None:
            return choice
        healed = self.heal(text, schema)
        if healed is None and self.job.parameters.retry and (why := _complaint(text, schema)):
            healed = await self._asked_again(text, why, schema, request, candidate)
        if healed is None:
            return choice
        return replace(choice, message=choice.message | {"content": Raw(encode(healed)), "metadata": _HEALED})

    async def _asked_again(
        self,
        text: str,
        why: str,
        schema: Any,  # noqa: ANN401 - a JSON Schema
        request: ChatRequest,
        candidate: Candidate,
    ) -> str | None:
        """What the model answers when it is told what was wrong; None when that is no better."""
        messages = cast("list[object]", _decode(request.fields["messages"]))
        told = f"That is not the JSON that was asked for: {why}. Answer with the corrected JSON alone."
        more = [{"role": "assistant", "content": text[:_SHOWN]}, {"role": "user", "content": told}]
        fields = request.fields | {"messages": messages + more, "n": 1}
        try:
            answer = await self.job.complete(fields, [candidate])
        except TurnoutError as error:
            self.job.note(retried=error.error_type)
            return None
        again = _text(answer.choices[0].message.get("content")) or ""
        better = again if not _complaint(again, schema) else diagnose(again, schema).text
        self.job.note(retried=True, healed=better is not None)
        return better


@final
class _Held:
    """Holds a stream's text back. Reasoning and everything else before the text goes on at once."""

    def __init__(self, healing: Healing, schema: Any) -> None:  # noqa: ANN401 - a JSON Schema
        self._healing = healing
        self._schema = schema
        self._chunks: list[Chunk] = []
        self._texts: dict[int, list[str]] = {}
        self._open: set[int] = set()

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """All chunks, once every choice that has text is complete."""
        passed: list[Chunk] = []
        for chunk in chunks:
            self._read(chunk)
            if self._texts:
                self._chunks.append(chunk)
            else:
                passed.append(chunk)
        if self._texts and not self._open:
            passed += self.flush()
        return passed

    def flush(self) -> list[Chunk]:
        """What was held, with the texts put right."""
        held, texts = self._chunks, self._texts
        self._chunks, self._texts, self._open = [], {}, set()
        healed = {index: self._healing.heal("".join(parts), self._schema) for index, parts in texts.items()}
        changed = {index: text for index, text in healed.items() if text is not None}
        return _rewritten(held, changed) if changed else held

    def _read(self, chunk: Chunk) -> None:
        for choice in chunk.choices:
            if b'"content"' in bytes(choice.delta) and (text := _text(_decode_object(choice.delta).get("content"))):
                self._texts.setdefault(choice.index, []).append(text)
                self._open.add(choice.index)
            if choice.finish_reason is not None:
                self._open.discard(choice.index)


def _rewritten(held: list[Chunk], changed: dict[int, str]) -> list[Chunk]:
    """*held* with each changed text where its first piece stood."""
    written: set[int] = set()
    for chunk in held:
        for choice in chunk.choices:
            if choice.index not in changed or b'"content"' not in bytes(choice.delta):
                continue
            delta: dict[str, object] = dict(_decode_object(choice.delta))
            if not _text(cast("Raw | None", delta.pop("content", None))):
                continue
            if choice.index not in written:
                written.add(choice.index)
                delta |= {"content": changed[choice.index], "metadata": _HEALED}
            choice.delta = Raw(encode(delta))
    return [chunk for chunk in held if chunk.usage is not None or any(_says_something(chunk))]


def _says_something(chunk: Chunk) -> list[bool]:
    return [choice.finish_reason is not None or bytes(choice.delta) != b"{}" for choice in chunk.choices]


def _wants_json(request: ChatRequest) -> bool:
    form = request.parameters.response_format
    return form is not None and form.type in _FORMS


def _schema(request: ChatRequest) -> Any:  # noqa: ANN401 - a JSON Schema
    """The schema of the answer; None where there is none."""
    try:
        stated = _decode_format(request.fields["response_format"]).json_schema
    except (msgspec.DecodeError, KeyError):
        return None
    schema = None if stated is None else stated.get("schema")
    return schema if isinstance(schema, dict) and schema else None


def _complaint(text: str, schema: Any) -> str:  # noqa: ANN401 - a JSON Schema
    """What is wrong with *text*; empty when nothing is."""
    if not is_sound(text):
        return "it cannot be parsed"
    try:
        fitted(_decode(text), schema, gently=True)
    except Misfit as error:
        return str(error)
    return ""


def _text(raw: Raw | None) -> str | None:
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    return msgspec.json.decode(raw, type=str)


PLUGIN: Final = Plugin(
    id="response-healing",
    work=Healing,
    phases=frozenset({"answer", "stream"}),
    parameters=Parameters,
    rank=90,
    holds_stream=True,
    on_failure="skip",
    stage="response_healing",
)
