"""What a whole answer says, sorted as it is read part by part, in the words of the gateway."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Raw

from turnout.providers.deltas import Detail, ToolCallMade, UrlCitation, message_of

__all__ = ["Said", "arguments_of"]


class Said:
    """The parts of one message so far; ``length`` is that of its content, in characters."""

    def __init__(self) -> None:
        self.length = 0
        self.thoughts: list[str] = []
        self.details: list[Detail] = []
        self.calls: list[ToolCallMade] = []
        self.images: list[str] = []
        self._texts: list[str] = []
        self._citations: list[UrlCitation] = []

    def say(self, text: str) -> None:
        """One more piece of the content."""
        self._texts.append(text)
        self.length += len(text)

    def cite(self, sources: Iterable[UrlCitation | None]) -> None:
        """Sources of what has been said; None for what is no source."""
        self._citations += [one for one in sources if one is not None]

    def message(self, refusal: str | None = None) -> dict[str, Raw]:
        """All of it."""
        return message_of(
            "".join(self._texts),
            reasoning="".join(self.thoughts),
            details=self.details,
            tool_calls=self.calls,
            images=self.images,
            citations=self._citations,
            refusal=refusal,
        )


def arguments_of(value: Raw) -> str:
    """The input of a tool as text."""
    text = bytes(value).decode()
    return "{}" if text == "null" else text
