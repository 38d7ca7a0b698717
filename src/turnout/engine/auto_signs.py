"""Signs of how good the auto router's answers were: what the client does next, and what had to be mended.

They say little, and weigh little. Nothing is kept until an account has used the router, or somebody here judges
answers; then the prompts of the last few requests stay in memory for a while, as a judgement may come of any answer.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final, NamedTuple, final

from turnout.base.jsons import encode
from turnout.domain.chat import ChatRequest
from turnout.domain.routed import Feedback, Routed, Source

__all__ = ["WEIGHTS", "Outcome", "Signs"]

WEIGHTS: Final[dict[Source, tuple[float, float]]] = {
    "regenerated": (0.25, 0.15),
    "switched": (0.2, 0.25),
    "tool_calls": (0.0, 0.3),
    "json": (0.1, 0.3),
}
"""By source: the score, and its weight beside a judgement's 1."""

_MOST_PROMPTS = 500
_MOST_BYTES = 8_192
_MOST_CONVERSATIONS = 5_000
_WITHIN_SECONDS = 300.0
_MOST_WAITING = 10_000


class Outcome(NamedTuple):
    """What is told of a finished request: its owner, itself, the model that answered, and how it ended.

    ``calls_sound``: its tool calls made sense; None where there were none. ``healed``: JSON had to be mended, or could
    not be. ``now`` is monotonic, ``wall`` in unix seconds.
    """

    account_id: str
    key_hash: str
    generation_id: str
    request: ChatRequest
    model: str
    routed: Routed | None
    calls_sound: bool | None
    healed: bool
    now: float
    wall: float


@final
class Signs:
    """Collects signs in the memory of one worker. ``waiting`` is taken from there into the store."""

    def __init__(self) -> None:
        self.awake = False
        self.waiting: list[Feedback] = []
        self._last: OrderedDict[tuple[str, bytes], Outcome] = OrderedDict()
        self._prompts: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._judged: OrderedDict[str, None] = OrderedDict()

    def heard(self, outcome: Outcome) -> None:
        """A request has been answered."""
        routed, request = outcome.routed, outcome.request
        if routed is not None:
            self.awake = True
            bad: dict[Source, bool] = {"tool_calls": outcome.calls_sound is False, "json": outcome.healed}
            for source in (name for name, is_so in bad.items() if is_so):
                self._add(outcome, source, outcome.wall)
        if request.prompt_bytes > _MOST_BYTES:
            return
        messages = bytes(request.fields["messages"])
        if routed is None:
            self._prompts[outcome.account_id, outcome.generation_id] = messages
            if len(self._prompts) > _MOST_PROMPTS:
                self._prompts.popitem(last=False)
        if routed is not None or self._last:
            self._compare(outcome, messages)

    def _compare(self, outcome: Outcome, messages: bytes) -> None:
        """Whether the same was asked a while ago: then that answer was not good enough."""
        routed = outcome.routed
        place = outcome.account_id, blake2b(messages, digest_size=12).digest()
        before = self._last.pop(place, None)
        if before is not None and outcome.now - before.now < _WITHIN_SECONDS:
            self._add(before, "regenerated" if routed is not None else "switched", outcome.wall)
        if routed is not None:
            self._last[place] = outcome
            if len(self._last) > _MOST_CONVERSATIONS:
                self._last.popitem(last=False)

    def judged(self, generation_id: str) -> None:
        """Its reader has judged an answer: what he does next is no sign any more."""
        self.awake = True
        self._judged[generation_id] = None
        if len(self._judged) > _MOST_CONVERSATIONS:
            self._judged.popitem(last=False)

    def prompt(self, account_id: str, generation_id: str) -> bytes | None:
        """The messages of a request that named its model, if they are still at hand."""
        return self._prompts.get((account_id, generation_id))

    def take(self) -> list[Feedback]:
        """The rows that wait, which do so no longer."""
        rows, self.waiting = self.waiting, []
        return rows

    def _add(self, about: Outcome, source: Source, wall: float) -> None:
        routed = about.routed
        if routed is None or about.generation_id in self._judged or len(self.waiting) >= _MOST_WAITING:
            return
        score, weight = WEIGHTS[source]
        self.waiting.append(
            Feedback(
                account_id=about.account_id,
                generation_id=about.generation_id,
                key_hash=about.key_hash,
                model=about.model,
                score=score,
                weight=weight,
                source=source,
                tasks=encode(routed.tasks).decode(),
                propensity=routed.propensity,
                created=wall,
            )
        )
