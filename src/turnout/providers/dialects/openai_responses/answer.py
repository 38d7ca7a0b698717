"""A whole answer of the Responses API in the words of the gateway."""

from __future__ import annotations

from msgspec import Raw

from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL, Choice, Completion
from turnout.providers.deltas import EncryptedDetail, SummaryDetail, TextDetail, ToolCallMade
from turnout.providers.dialects.openai_responses.outputs import (
    CALLS,
    Item,
    Part,
    Response,
    arguments_of,
    citation_of,
    deed_of,
    drawing_of,
    failure_of,
    finish_of,
    mark_of,
    native_of,
    read_item,
    read_kind,
    usage_of,
)
from turnout.providers.dialects.openai_responses.thoughts import FORMAT
from turnout.providers.failures import nonsense
from turnout.providers.said import Said

__all__ = ["read_answer"]

_ANSWERED = frozenset({"completed", "incomplete", None})
_whole = reader(Response)
_list = reader(list[Raw])


def read_answer(body: bytes) -> Completion:
    """A whole answer.

    Raises:
        UpstreamError: the body is no answer, or carries an error.
    """
    try:
        if not body.isascii():
            body.decode()  # the parser does not look into the slices that go on as they are
        response = _whole(body)
        if bytes(response.error) not in {b"null", b"{}"}:
            raise failure_of(response.error)
        if response.output is None or response.status not in _ANSWERED:
            raise nonsense()
        said = _Items()
        for raw in response.output:
            said.add(raw)
    except (BadJSON, UnicodeDecodeError):
        raise nonsense() from None
    message = said.message("".join(said.refusals) or None)
    finish = finish_of(response, called=bool(said.calls))
    return Completion(
        choices=[Choice(message, 0, finish, native_of(response), said.logprobs())],
        usage=usage_of(response, said.deeds),
        upstream_id=response.id or None,
        service_tier=response.service_tier or None,
    )


class _Items(Said):
    """The items of a whole answer, sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[str] = []
        self.deeds: list[Raw] = []
        self._logprobs: list[Raw] = []
        self._marked = False

    def add(self, raw: Raw) -> None:
        """One item. Raises BadJSON."""
        kind = read_kind(raw)
        if kind == "message":
            self._add_message(read_item(raw))
        elif kind == "reasoning":
            self._add_thought(read_item(raw))
        elif kind in CALLS:
            item = read_item(raw)
            self.calls.append(ToolCallMade(item.call_id or item.id or "", item.name or "", arguments_of(item)))
        elif kind:
            if kind == "image_generation_call" and (picture := drawing_of(read_item(raw))) is not None:
                self.images.append(picture)
            self.deeds.append(raw)
            self.details.append(deed_of(raw, len(self.details), self.length))

    def logprobs(self) -> Raw:
        """The log probabilities of the text's tokens, or null."""
        return Raw(encode({"content": self._logprobs, "refusal": None})) if self._logprobs else NULL

    def _add_message(self, item: Item) -> None:
        if item.phase == "commentary" or self._marked:
            self.details.append(mark_of(item.phase, item.id, len(self.details), self.length))
            self._marked = True
        for part in item.content or ():
            if part.refusal:
                self.refusals.append(part.refusal)
            elif part.text:
                self._add_text(part)

    def _add_text(self, part: Part) -> None:
        self.cite(citation_of(one, self.length) for one in part.annotations or ())
        self.say(part.text or "")
        if bytes(part.logprobs)[:1] == b"[":
            self._logprobs += _list(part.logprobs)

    def _add_thought(self, item: Item) -> None:
        for part in item.summary or ():
            self.thoughts.append(part.text or "")
            self.details.append(SummaryDetail(part.text or "", FORMAT, len(self.details), item.id))
        for part in item.content or ():
            self.thoughts.append(part.text or "")
            self.details.append(
                TextDetail(part.text or "", FORMAT, len(self.details), None, item.id, self.length or None)
            )
        if item.encrypted_content:
            seal = item.encrypted_content
            self.details.append(EncryptedDetail(seal, FORMAT, len(self.details), item.id, self.length or None))
