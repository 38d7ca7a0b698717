"""How often an address may ask without a key."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final, final

from turnout.base.errors import TurnoutError

__all__ = ["AddressLimit"]

_MOST_ADDRESSES: Final = 20_000
_NETWORK_BITS: Final = 64  # of an IPv6 address: what one subscriber has


@final
class AddressLimit:
    """A bucket for each address: *burst* requests at once, and *per_minute* of them come back each minute.

    The bounded memory forgets the address that was seen first; addresses of one IPv6 network of 64 bits share a bucket.
    *now* tells monotonic seconds.
    """

    def __init__(self, burst: int, per_minute: float, now: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_second = per_minute / 60
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str) -> None:
        """Count a request of *address*.

        Raises:
            TurnoutError: of type ``rate_limit_exceeded``, with the seconds after which it may ask again.
        """
        place = _network_of(address)
        now = self._now()
        left, since = self._buckets.pop(place, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        allowed = left >= 1
        if len(self._buckets) >= _MOST_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[place] = (left - allowed, now)
        if not allowed:
            raise TurnoutError(
                "Too many requests without a key from this address",
                error_type="rate_limit_exceeded",
                retry_after=max(1, ceil((1 - left) / self._per_second)),
            )


def _network_of(address: str) -> str:
    try:
        read = ip_address(address)
    except ValueError:
        return ""
    if isinstance(read, IPv6Address):
        if read.ipv4_mapped is not None:
            return str(read.ipv4_mapped)
        return f"{int(read) >> (128 - _NETWORK_BITS):x}/{_NETWORK_BITS}"
    return str(read)
