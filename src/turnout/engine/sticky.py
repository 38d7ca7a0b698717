"""Staying with the endpoint that holds a conversation in its cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import final

import msgspec
from msgspec import Raw, Struct

from turnout.domain.chat import ChatRequest
from turnout.domain.routed import AUTO_ROUTERS
from turnout.domain.routing import Candidate
from turnout.domain.usage import Usage

__all__ = ["Session", "StickyMemory"]

WINDOW_SECONDS = 600.0
LONG_WINDOW_SECONDS = 3600.0

_MOST_SESSIONS = 20_000
_LEAST_CACHED_BYTES = 4096
"""No provider caches prompts of fewer than about a thousand tokens."""
_LONGEST_NEWS = 2048  # bytes
_STILL_KNOWN = 0.9
"""Others are told again once a tenth of the time has passed."""

_SYSTEM = frozenset({"system", "developer"})


class _Role(Struct):
    role: str = ""


class _News(Struct, array_like=True):
    """What workers tell each other."""

    key: tuple[str, ...]
    endpoint_id: str
    seconds: float


_read_list = msgspec.json.Decoder(list[Raw]).decode
_read_role = msgspec.json.Decoder(_Role).decode
_read_news = msgspec.json.Decoder(_News).decode


@final
class StickyMemory:
    """Which endpoint each conversation was answered by last, in the memory of this process; the oldest make room.

    ``tell``, where it is set, lets others :meth:`hear` of it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], tuple[str, float]] = OrderedDict()
        self.tell: Callable[[bytes], None] | None = None

    def session(
        self, request: ChatRequest, headers: Mapping[bytes, bytes], account_id: str, now: float
    ) -> Session | None:
        """The conversation that *request* belongs to; None where nothing is to be remembered. *now* is monotonic.

        Its name is the body's ``session_id``, else the header ``x-session-id``, else ``prompt_cache_key``, else a hash
        of its beginning: then it is remembered only once a provider has read from its cache.
        """
        parameters = request.parameters
        if parameters.provider is not None and parameters.provider.order:
            return None
        if parameters.session_id:
            name = parameters.session_id
        elif b"x-session-id" in headers:
            name = headers[b"x-session-id"].decode("latin-1")
        elif "prompt_cache_key" in request.fields:
            name = bytes(request.fields["prompt_cache_key"]).decode()
        elif request.prompt_bytes >= _LEAST_CACHED_BYTES or parameters.model in AUTO_ROUTERS:
            name = ""
        else:
            return None
        return Session(self, request, account_id, name, now)

    def find(self, key: tuple[str, ...], now: float) -> str | None:
        """The endpoint to stay with."""
        found = self._kept.get(key)
        return found[0] if found is not None and found[1] > now else None

    def keep(self, key: tuple[str, ...], endpoint_id: str, until: float) -> None:
        """Stay with this endpoint *until* then (monotonic seconds)."""
        self._kept[key] = (endpoint_id, until)
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST_SESSIONS:
            self._kept.popitem(last=False)

    def answered(self, key: tuple[str, ...], endpoint_id: str, now: float, seconds: float) -> None:
        """Stay with this endpoint for *seconds*; others hear of it when it is news to them."""
        if self.tell is not None:
            known = self._kept.get(key)
            if known is None or known[0] != endpoint_id or known[1] < now + seconds * _STILL_KNOWN:
                told = msgspec.json.encode(_News(key, endpoint_id, seconds))
                if len(told) <= _LONGEST_NEWS:
                    self.tell(told)
                self.keep(key, endpoint_id, now + seconds)
            return  # else: as long as others remember it, and no longer
        self.keep(key, endpoint_id, now + seconds)

    def hear(self, told: bytes, now: float) -> None:
        """Another worker has *told* of a conversation.

        Raises:
            DecodeError: it is nothing that a worker would tell.
        """
        news = _read_news(told)
        self.keep(news.key, news.endpoint_id, now + min(max(0.0, news.seconds), LONG_WINDOW_SECONDS))

    def __len__(self) -> int:
        return len(self._kept)


@final
class Session:
    """One conversation, at its present request. Its key is computed only when it is asked for."""

    __slots__ = ("_account_id", "_memory", "_name", "_now", "_request", "_stated")

    def __init__(self, memory: StickyMemory, request: ChatRequest, account_id: str, name: str, now: float) -> None:
        self._memory = memory
        self._request = request
        self._account_id = account_id
        self._name = f"={name}" if name else ""
        self._stated = bool(name)
        self._now = now

    def endpoint(self, model_id: str) -> str | None:
        """The endpoint of that model to stay with, if there is one."""
        return self._memory.find(self._key(model_id), self._now) if len(self._memory) else None

    def answered(self, candidate: Candidate, usage: Usage, now: float) -> None:
        """*candidate* has answered: stay with it if that is worth anything, for ten minutes, or as long as its cache
        was asked to live.
        """
        if not self._stated and not _saves(candidate, usage):
            return
        long = self._request.traits.cache_marks and b'"1h"' in bytes(self._request.fields["messages"])
        seconds = LONG_WINDOW_SECONDS if long else WINDOW_SECONDS
        self._memory.answered(self._key(candidate.model.id), candidate.endpoint_id, now, seconds)

    def chosen(self, router: str, model_id: str, now: float) -> None:
        """*router* has chosen a model that has answered: :meth:`endpoint` of the router names it from now on."""
        self._memory.answered(self._key(router), model_id, now, WINDOW_SECONDS)

    def _key(self, model_id: str) -> tuple[str, ...]:
        if not self._name:
            self._name = _beginning(self._request.fields["messages"])
        return self._account_id, model_id, self._name


def _saves(candidate: Candidate, usage: Usage) -> bool:
    """Whether the answer came from a cache, and that costs less than a fresh prompt."""
    pricing = candidate.endpoint.pricing
    return bool(usage.cache_read) and pricing.input_cache_read is not None and pricing.input_cache_read < pricing.prompt


def _beginning(messages: Raw) -> str:
    """A hash of the first system message and the first other one."""
    digest = blake2b(digest_size=16)
    system_seen = False
    for message in _read_list(messages):
        is_system = _read_role(message).role in _SYSTEM
        if is_system and system_seen:
            continue
        digest.update(message)
        digest.update(b"\n")
        system_seen = system_seen or is_system
        if not is_system:
            break
    return "#" + digest.hexdigest()
