"""What is asked of the record of use: sums over days, and single generations page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from turnout.base.money import Pico
from turnout.domain.account import Generation, Outcome

__all__ = ["ActivityQuery", "ActivitySum", "Dimension", "Page", "Search"]

Dimension = Literal["day", "model", "provider", "key", "user"]


class ActivityQuery(Struct, frozen=True, kw_only=True):
    """Sums of an account's use from the day *first* to the day *last*, both counted from 1970 in UTC.

    They are parted by ``by``; a filter that is None lets everything through.
    """

    account_id: str
    first: int
    last: int
    by: tuple[Dimension, ...] = ("day", "model", "provider")
    key_hash: str | None = None
    model: str | None = None
    provider: str | None = None
    user: str | None = None


class ActivitySum(Struct, frozen=True, kw_only=True):
    """One sum. What it is not parted by is None; an empty provider was none, an empty user was not named."""

    day: int | None = None
    model: str | None = None
    provider: str | None = None
    key: str | None = None
    user: str | None = None
    requests: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: Pico


class Search(Struct, frozen=True, kw_only=True):
    """Which generations of an account are wanted, newest first. None lets everything through.

    ``since`` and ``until`` are unix seconds, the latter exclusive; ``before`` is the id below which to go on.
    ``parent_id`` wants a span beside it: nothing leads to children but the time of their parent.
    """

    account_id: str
    before: str | None = None
    since: float | None = None
    until: float | None = None
    key_hash: str | None = None
    model: str | None = None
    provider: str | None = None
    user: str | None = None
    outcome: Outcome | None = None
    min_cost: Pico | None = None
    parent_id: str | None = None


class Page(Struct, frozen=True):
    """Some of what was searched for. ``before`` says where to go on, None that there is no more.

    A page may be short, or empty, and still have more after it: a store looks at so many rows and no more at a time.
    """

    generations: Sequence[Generation]
    before: str | None
