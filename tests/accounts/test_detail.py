from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.accounts.detail import generation_detail
from turnout.base.money import Pico, parse_price
from turnout.domain.account import AttemptRecord, Generation
from turnout.domain.usage import Pricing, Units, Usage, cost

_COUNT = st.integers(0, 10**6)
_PRICE = st.none() | st.integers(0, 10**9).map(Pico)
_USAGE = st.builds(
    Usage,
    fresh=_COUNT, cache_read=_COUNT, cache_write=_COUNT, cache_write_1h=_COUNT, audio_prompt=_COUNT, completion=_COUNT,
    reasoning=_COUNT, audio_completion=_COUNT, image_completion=_COUNT, web_searches=st.integers(0, 9),
    units=st.none() | st.builds(Units, images=st.integers(0, 9), sound_ms=_COUNT),
)  # fmt: skip
_PRICING = st.builds(
    Pricing,
    prompt=_COUNT.map(Pico), completion=_COUNT.map(Pico), request=_COUNT.map(Pico), audio=_PRICE, audio_output=_PRICE,
    image_output=_PRICE, web_search=_PRICE, internal_reasoning=_PRICE, input_cache_read=_PRICE,
    input_cache_write=_PRICE, input_cache_write_1h=_PRICE, output_image=_PRICE, audio_second=_PRICE,
)  # fmt: skip
_ENDPOINT = "acme/tiny|acme|acme"


def _generation(usage: Usage, pricing: Pricing, charged: int, aside: int) -> Generation:
    attempt = AttemptRecord(
        endpoint_id="search|exa|exa", model="search", provider="exa", provider_name="Exa", outcome="answered",
        started_ms=1.0, ended_ms=20.0, cost=Pico(aside),
    )  # fmt: skip
    return Generation(
        id="gen-1-a", account_id="default", key_hash="f" * 64, created=1.0, api="chat", requested_model="acme/tiny",
        outcome="answered", model="acme/tiny", provider="acme", endpoint_id=_ENDPOINT, usage=usage, pricing=pricing,
        cost=Pico(charged + aside), aside_cost=Pico(aside), earlier=(attempt,),
    )  # fmt: skip


@given(_USAGE, _PRICING, st.sampled_from([0, 1]), st.integers(0, 10**10))
def test_the_lines_add_up_to_the_cost(usage: Usage, pricing: Pricing, charged: int, aside: int) -> None:
    price = cost(usage, pricing).total * charged
    detail = generation_detail(_generation(usage, pricing, price, aside))
    amounts = [one["amount"] for one in detail["lines"]]
    total = sum(-parse_price(one[1:]) if one.startswith("-") else parse_price(one) for one in amounts)
    assert total == price + aside
    assert ("not_charged" in [one["what"] for one in detail["lines"]]) == (price != cost(usage, pricing).total)


def test_every_call_is_told_with_its_times() -> None:
    detail = generation_detail(_generation(Usage(fresh=10, completion=2), Pricing(Pico(3), Pico(5)), 40, 7))
    assert [one["endpoint"] for one in detail["attempts"]] == ["search|exa|exa", _ENDPOINT]
    assert [(one["what"], one.get("count"), one["amount"]) for one in detail["lines"]] == [
        ("call", None, "0.000000000007"),
        ("fresh", 10, "0.00000000003"),
        ("completion", 2, "0.00000000001"),
    ]
