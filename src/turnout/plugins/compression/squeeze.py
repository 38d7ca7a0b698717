"""Which messages of a long conversation stay, and how much of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Raw, Struct

from turnout.base.jsons import encode
from turnout.base.tokens import Count
from turnout.plugins.compression.conversation import Message, Unit, messages_of, units_of
from turnout.plugins.compression.texts import question_words, shortened, weigher

__all__ = ["Squeezed", "squeeze"]

_SMALLEST = 64
"""Tokens of a text that is not shortened any more."""
_WORTH_TRIMMING = 60
_RECENT_SHARE = 0.4
_PINNED_SHARE = 0.6
"""Of the room, where something else may matter more to the question."""
_BEST = 3
"""Units that come before the recent ones."""
_PASSES = 12
Weigh = Callable[[Sequence[str]], Sequence[float]]


class Squeezed(Struct, frozen=True):
    """Messages that fit, as far as they could be made to, and what was done to them. Sizes in tokens."""

    messages: Raw
    before: int
    after: int
    removed: int
    shortened: int
    attachments: int

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.removed or self.shortened or self.attachments)


def squeeze(raw: Raw, room: int, count: Count, *, most: int | None = None, relevance: bool = False) -> Squeezed:
    """The messages *raw* in *room* tokens, and at most so many as *most*.

    Instructions, the first message and the last turn stay; of the others those nearest to the ends, or with
    *relevance* also those that have most to do with the last question. Calls of tools keep their results.
    """
    messages = messages_of(raw, count)
    before = sum(message.tokens for message in messages)
    if before <= room and (most is None or len(messages) <= most):
        return Squeezed(raw, before, before, 0, 0, 0)
    attachments = sum(message.attachments for message in messages)
    units = units_of(messages)
    weigh = weigher(question_words(_question(units))) if relevance else None
    kept = _chosen(units, room, most, weigh)
    _tighten(kept, room, weigh)
    left = [message for unit in kept for message in unit.messages]
    whole = Raw(encode([message.encoded() for message in left]))
    return Squeezed(
        messages=whole,
        before=before,
        after=sum(message.tokens for message in left),
        removed=len(messages) - len(left),
        shortened=sum(message.changed for message in left),
        attachments=attachments - sum(message.attachments for message in left),
    )


def _question(units: Sequence[Unit]) -> str:
    """What was asked last."""
    for unit in reversed(units):
        message = unit.messages[0]
        if message.role == "user" and message.sizes:
            return "\n".join(message.text(place) for place in message.sizes)[-4_000:]
    return ""


def _chosen(units: list[Unit], room: int, most: int | None, weigh: Weigh | None) -> list[Unit]:
    """The units that stay, in their order."""
    pinned = [unit for unit in units if unit.pinned]
    if weigh is not None and len(pinned) < len(units):
        _trimmed([message for unit in pinned for message in unit.messages], int(room * _PINNED_SHARE), weigh)
    left = room - sum(unit.tokens for unit in pinned)
    places = None if most is None else most - sum(len(unit.messages) for unit in pinned)
    free = [unit for unit in units if not unit.pinned]
    kept: set[int] = set()

    def keep(unit: Unit) -> bool:
        nonlocal left, places
        size = len(unit.messages)
        if unit.tokens > left or (places is not None and size > places):
            return False
        kept.add(id(unit))
        left -= unit.tokens
        places = None if places is None else places - size
        return True

    if weigh is not None:
        scores = weigh([_text(unit) for unit in free])
        by_score = sorted(
            (place for place in range(len(free)) if scores[place] > 0), key=lambda one: (-scores[one], -one)
        )
        for place in by_score[:_BEST]:
            _cut_to(free[place], min(left, free[place].tokens), weigh)
            keep(free[place])
        recent = left * _RECENT_SHARE
        for unit in reversed(free):
            recent -= unit.tokens
            if recent < 0 or (id(unit) not in kept and not keep(unit)):
                break
        for place in by_score[_BEST:]:
            if id(free[place]) not in kept:
                keep(free[place])
    _keep_ends([unit for unit in free if id(unit) not in kept], keep, lambda: left)
    return [unit for unit in units if unit.pinned or id(unit) in kept]


def _keep_ends(free: list[Unit], keep: Callable[[Unit], bool], left: Callable[[], int]) -> None:
    """Keep units from both ends inwards; the first that does not fit is cut to what is left."""
    front, back = 0, len(free) - 1
    from_back = True
    while front <= back:
        unit = free[back if from_back else front]
        if not keep(unit):
            _cut_to(unit, left(), None)
            if not keep(unit):
                break
        front, back = (front, back - 1) if from_back else (front + 1, back)
        from_back = not from_back


def _text(unit: Unit) -> str:
    """All that is said in *unit*."""
    return "\n".join([message.text(place) for message in unit.messages for place in message.sizes])


def _cut_to(unit: Unit, room: int, weigh: Weigh | None) -> None:
    """Shorten the texts of *unit* to *room* tokens, if that leaves anything worth reading."""
    if room >= _WORTH_TRIMMING and unit.tokens - room < sum(
        size for message in unit.messages for size in message.sizes.values()
    ):
        _tighten([unit], room, weigh)


def _tighten(units: list[Unit], room: int, weigh: Weigh | None) -> None:
    """Shorten the longest texts of *units* until they fit; then leave out attachments; then the units themselves."""
    messages = [message for unit in units for message in unit.messages]
    if _trimmed(messages, room, weigh):
        return
    for message in messages:
        while message.drop_attachment():
            if _trimmed(messages, room, weigh):
                return
    last = len(units) - 1
    while len(units) > 1:
        droppable = [place for place in range(len(units)) if place != last and units[place].messages[0].calls]
        droppable = droppable or [place for place, unit in enumerate(units) if unit.messages[0].role != "user"]
        del units[droppable[0] if droppable else 0]
        last = len(units) - 1
        if _trimmed([message for unit in units for message in unit.messages], room, weigh):
            return


def _trimmed(messages: Sequence[Message], room: int, weigh: Weigh | None) -> bool:
    """Shorten texts over a length that is the same for all; whether all fits then."""
    for _ in range(_PASSES):
        total = sum(message.tokens for message in messages)
        if total <= room:
            return True
        texts = [(message, place) for message in messages for place in message.sizes]
        fixed = total - sum(message.sizes[place] for message, place in texts)
        level = _level([message.sizes[place] for message, place in texts], room - fixed)
        if level is None:
            return False
        for message, place in texts:
            size = message.sizes[place]
            if size > level:
                text = message.text(place)
                message.put(place, shortened(text, int(len(text) * level / size * 0.97), weigh))
    return sum(message.tokens for message in messages) <= room


def _level(sizes: list[int], room: int) -> int | None:
    """The length to which all *sizes* are cut so that their sum is *room*; None where that would leave nothing."""
    left, count = room, len(sizes)
    for size in sorted(sizes):
        if size * count > left:
            level = left // count
            return level if level >= _SMALLEST // 4 else None
        left -= size
        count -= 1
    return None if room < 0 else max(sizes, default=0)
