"""The plugin that holds requests and answers to the content filters of guardrails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final, final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from turnout.base.jsons import encode
from turnout.contracts.plugin import Job, NoParameters, Plugin, StreamFilter, Work
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Chunk, ChunkChoice, Completion
from turnout.domain.guardrail import Screening
from turnout.domain.routing import Candidate
from turnout.plugins.guardrails.screen import Findings, Rule, Screen, Stretch, screen_of

__all__ = ["PLUGIN"]

_SEALED: Final = frozenset({
    "role", "type", "id", "tool_call_id", "data", "file_data", "signature", "encrypted_content", "format", "detail",
    "cache_control", "media_type", "mime_type",
})  # fmt: skip
"""What is no text of anybody's, or would not be valid any more if a letter of it changed."""
_THOUGHTS: Final = "reasoning_details"
_PROOFS: Final = frozenset({"signature", "encrypted_content"})
"""What a provider vouches for thoughts with: gone with the first letter that has changed."""
_INPUTS: Final = ("documents", "input", "inputs", "instructions", "prediction", "prompt", "query", "text")
"""By what names requests hold texts beside their messages."""
_FILE: Final = re.compile(r"data:[^,\s@]{0,200};base64,[A-Za-z0-9+/_-]*={0,2}", re.ASCII)
_ARGUMENTS: Final = "arguments"
_TEXTS: Final = ("reasoning", "content", "refusal")
_SPOKEN: Final = ("text", "summary")
_LONG: Final = 16_384
"""Bytes of texts that take so long, full of finds, that a thread of their own does it: others must not wait."""
_decode_messages = msgspec.json.Decoder(list[dict[str, Any]]).decode
_decode_delta = msgspec.json.Decoder(dict[str, Any]).decode


@final
class Guardrails(Work):
    """One request under guardrails: the first to see it, again before each attempt, for others add to it."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._clean: Raw | None = None
        self._asked: Findings = {}
        self._answered: Findings = {}

    @cached_property
    def _screen(self) -> Screen | None:
        """None where a request names the plugin without being under a guardrail: then it does nothing."""
        screening = self.job.parameters
        return screen_of(screening) if isinstance(screening, Screening) else None

    async def before(self, request: ChatRequest) -> ChatRequest:
        """*request* without what is to be redacted.

        Raises:
            Blocked: it has what may not pass.
        """
        return await self._screened(request)

    async def fit(self, request: ChatRequest, candidate: Candidate) -> ChatRequest:
        """The same of what was added since. Raises as :meth:`before`."""
        del candidate
        return await self._screened(request)

    async def mend(self, completion: Completion, request: ChatRequest, candidate: Candidate) -> Completion:
        """*completion* without what is to be redacted. Raises as :meth:`before`."""
        del request, candidate
        screen = self._screen
        if screen is None or not screen.answers:
            return completion
        if sum(len(memoryview(raw)) for choice in completion.choices for raw in choice.message.values()) > _LONG:
            await asyncio.to_thread(self._mend, completion, screen)
        else:
            self._mend(completion, screen)
        self._tell("answer", self._answered)
        return replace(completion) if screen.hides else completion  # another one, which is not passed on as it came

    def _mend(self, completion: Completion, screen: Screen) -> None:
        for choice in completion.choices:
            message = _decode_delta(encode(choice.message))
            changed = _Walk(screen, screen.answers, self._answered, "answer").value(message, "")
            if changed is not message:
                choice.message = {name: Raw(encode(value)) for name, value in changed.items()}
            if screen.hides:
                choice.logprobs = NULL

    def watch(self, request: ChatRequest, candidate: Candidate) -> StreamFilter | None:
        """What redacts a stream."""
        del request, candidate
        if self._screen is None or not self._screen.answers:
            return None
        self._answered.clear()
        self._tell("answer", self._answered)
        return _Stream(self._screen, self._answered)

    async def _screened(self, request: ChatRequest) -> ChatRequest:
        screen = self._screen
        if screen is None or request.fields["messages"] is self._clean:
            return request
        if sum(len(memoryview(raw)) for raw in request.fields.values()) > _LONG:
            return await asyncio.to_thread(self._cleaned, request, screen)
        return self._cleaned(request, screen)

    def _cleaned(self, request: ChatRequest, screen: Screen) -> ChatRequest:
        messages = request.fields["messages"]
        walks = {
            mine: _Walk(screen, screen.requests if mine else screen.others, self._asked, "request")
            for mine in (True, False)
        }
        self._tell("request", self._asked)
        said = _decode_messages(messages)
        changed = [walks[one.get("role") == "user"].value(one, "") for one in said]
        request = _with_inputs(request, walks[True])
        if all(one is before for one, before in zip(changed, said, strict=True)):
            self._clean = messages
            return request
        self._clean = Raw(encode(changed))
        fields = request.fields | {"messages": self._clean}
        return replace(request, fields=fields, prompt_bytes=len(memoryview(self._clean)))

    def _tell(self, where: str, findings: Findings) -> None:
        if self._screen is not None:
            self.job.note(**{where: findings, "guardrail_ids": list(self._screen.guardrail_ids)})


def _with_inputs(request: ChatRequest, walk: _Walk) -> ChatRequest:
    """*request* with texts screened that stand beside the messages: by name in those that are no conversations, as sent
    in all.
    """
    own: dict[str, Any] = {name: getattr(request, name) for name in _INPUTS if hasattr(request, name)}
    changed = {name: value for name, one in own.items() if (value := walk.value(one, name)) is not one}
    sent = {name: msgspec.json.decode(request.fields[name]) for name in _INPUTS if name in request.fields}
    texts = {name: Raw(encode(value)) for name, one in sent.items() if (value := walk.value(one, name)) is not one}
    return replace(request, fields=request.fields | texts, **changed) if changed or texts else request


@final
class _Walk:
    """Goes through JSON values and screens the texts in them; what has none to change comes back as it is."""

    def __init__(self, screen: Screen, rules: tuple[Rule, ...], findings: Findings, where: str) -> None:
        self._screen = screen
        self._rules = rules
        self._findings = findings
        self._where = where

    def value(self, value: Any, name: str) -> Any:  # noqa: ANN401 - any JSON value, of the same kind
        """*value*, which stands under *name*, screened. Raises Blocked."""
        if isinstance(value, str):
            if len(value) < 2 or (value.startswith("data:") and _FILE.fullmatch(value)):
                return value
            return self.text(value, arguments=name == _ARGUMENTS)
        if isinstance(value, dict):
            changed = {key: one if key in _SEALED else self.value(one, key) for key, one in value.items()}
            if all(changed[key] is one for key, one in value.items()):
                return value
            return _unproved(changed) if name == _THOUGHTS else changed
        if isinstance(value, list | tuple):
            listed = [self.value(one, name) for one in value]
            return listed if any(one is not before for one, before in zip(listed, value, strict=True)) else value
        return value

    def text(self, text: str, *, arguments: bool = False) -> str:
        """The same of a text."""
        stretch = Stretch(self._screen, self._rules, self._findings, arguments=arguments)
        screened = stretch.take(text, self._where, last=True)
        return text if screened == text else screened


@final
class _Stream:
    """Redacts the chunks of a stream. Of each text it holds back what may still become a match."""

    def __init__(self, screen: Screen, findings: Findings) -> None:
        self._screen = screen
        self._findings = findings
        self._stretches: dict[tuple[int, str, int], Stretch] = {}

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """*chunks* with what may go on of their texts. Raises Blocked."""
        for chunk in chunks:
            for choice in chunk.choices:
                if self._screen.hides:
                    choice.logprobs = NULL
                if len(memoryview(choice.delta)) > 2 or choice.finish_reason is not None:
                    choice.delta = self._passed(choice)
        return chunks

    def flush(self) -> list[Chunk]:
        """What is still held. Raises Blocked."""
        choices = []
        for index in sorted({place[0] for place in self._stretches}):
            delta: dict[str, Any] = {}
            self._end(delta, index, set())
            if delta:
                choices.append(ChunkChoice(Raw(encode(delta)), index))
        return [Chunk(choices)] if choices else []

    def _passed(self, choice: ChunkChoice) -> Raw:
        delta = _decode_delta(choice.delta)
        texts = list(_texts(delta))
        proved = [one for one in delta.get(_THOUGHTS) or () if isinstance(one, dict) and _PROOFS & one.keys()]
        changed = bool(texts or proved) and self._end(delta, choice.index, {place for _, _, place, _ in texts})
        for holder, key, place, text in texts:
            passed = self._stretch((choice.index, *place)).take(text, "answer")
            if self._screen.hides:
                changed |= passed != text
                holder[key] = passed
        for detail in proved:
            if self._altered(choice.index, detail.get("index", 0)):
                delta[_THOUGHTS] = [_unproved(one) if one is detail else one for one in delta[_THOUGHTS]]
                changed = True
        if choice.finish_reason is not None:
            changed |= self._end(delta, choice.index, set())
        return Raw(encode(delta)) if changed else choice.delta

    def _stretch(self, place: tuple[int, str, int]) -> Stretch:
        found = self._stretches.get(place)
        if found is None:
            arguments = place[1] == _ARGUMENTS
            found = Stretch(self._screen, self._screen.answers, self._findings, arguments=arguments)
            self._stretches[place] = found
        return found

    def _end(self, delta: dict[str, Any], index: int, going_on: set[tuple[str, int]]) -> bool:
        """Let go what is held of the texts of a choice that do not go on; whether there was something."""
        ended = False
        for (whose, kind, number), stretch in self._stretches.items():
            if whose != index or (kind, number) in going_on or not stretch.holds:
                continue
            rest = stretch.take("", "answer", last=True)
            if not self._screen.hides:
                continue
            ended = True
            if kind in _TEXTS:
                delta[kind] = (delta.get(kind) or "") + rest
            elif kind == _ARGUMENTS:
                called = {"index": number, "function": {"arguments": rest}}
                delta["tool_calls"] = [*(delta.get("tool_calls") or ()), called]
            else:
                detail = {"type": f"reasoning.{kind}", kind: rest, "index": number}
                delta[_THOUGHTS] = [detail, *(delta.get(_THOUGHTS) or ())]  # before what vouches for it
        return ended

    def _altered(self, index: int, number: int) -> bool:
        """Whether something was taken out of a choice's thoughts of that number."""
        return any(one.altered for kind in _SPOKEN if (one := self._stretches.get((index, kind, number))) is not None)


def _unproved(detail: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if name not in _PROOFS}


def _texts(delta: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, tuple[str, int], str]]:
    """The texts of a delta: what holds each, under which name, and what tells it from the others of its choice."""
    for kind in _TEXTS:
        if isinstance(text := delta.get(kind), str) and text:
            yield delta, kind, (kind, 0), text
    for number, detail in enumerate(delta.get(_THOUGHTS) or ()):
        for kind in _SPOKEN:
            if isinstance(detail, dict) and isinstance(text := detail.get(kind), str) and text:
                yield detail, kind, (kind, detail.get("index", number)), text
    for number, call in enumerate(delta.get("tool_calls") or ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(text := function.get(_ARGUMENTS), str) and text:
            yield function, _ARGUMENTS, (_ARGUMENTS, call.get("index", number)), text


PLUGIN: Final = Plugin(
    id="guardrails",
    work=Guardrails,
    phases=frozenset({"request", "candidate", "answer", "stream"}),
    parameters=NoParameters,
    rank=0,
    stage="guardrail",
)
