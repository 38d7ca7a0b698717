from __future__ import annotations

import pytest

from turnout.api.addresses import AddressLimit
from turnout.base.errors import TurnoutError


class Hand:
    """A clock's hand, in seconds."""

    now = 0.0


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def limit(hand: Hand) -> AddressLimit:
    return AddressLimit(3, 60, lambda: hand.now)


def asked(limit: AddressLimit, address: str, times: int = 10) -> int:
    """How often *address* may ask in a row."""
    for done in range(times):
        try:
            limit.take(address)
        except TurnoutError:
            return done
    return times


def test_an_address_may_ask_in_a_burst_and_then_as_time_allows(limit: AddressLimit, hand: Hand) -> None:
    assert asked(limit, "192.0.2.1") == 3
    with pytest.raises(TurnoutError) as caught:
        limit.take("192.0.2.1")
    assert (caught.value.error_type, caught.value.retry_after) == ("rate_limit_exceeded", 1)
    hand.now = 2.0
    assert asked(limit, "192.0.2.1") == 2
    hand.now = 1000.0
    assert asked(limit, "192.0.2.1") == 3


def test_addresses_do_not_share_but_networks_of_ipv6_do(limit: AddressLimit) -> None:
    assert asked(limit, "192.0.2.1") == 3
    assert asked(limit, "192.0.2.2") == 3
    assert asked(limit, "2001:db8::1") == 3
    assert asked(limit, "2001:db8::ffff:2") == 0
    assert asked(limit, "2001:db8:0:1::1") == 3
    assert asked(limit, "::ffff:192.0.2.1") == 0


def test_what_is_no_address_shares_one_bucket(limit: AddressLimit) -> None:
    assert asked(limit, "") == 3
    assert asked(limit, "unix:") == 0


def test_memory_is_bounded(limit: AddressLimit) -> None:
    for number in range(25_000):
        limit.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limit._buckets) <= 20_000
