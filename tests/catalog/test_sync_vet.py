import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import PICO_PER_DOLLAR, Pico
from turnout.catalog.rows import Row
from turnout.catalog.sync_vet import vetted
from turnout.domain.usage import PriceOverride, Pricing

_GOOD = Pricing(prompt=Pico(5), completion=Pico(6))


def _row(upstream: str = "m", pricing: Pricing | None = _GOOD, **facts: object) -> Row:
    return Row(source="s", provider="acme", upstream_model=upstream, pricing=pricing, **facts)  # type: ignore[arg-type]


def test_good_rows_come_through_as_they_are() -> None:
    rows = (_row("a"), _row("b", name="Bee", description="It hums.\nLoudly."), _row("org/c:4b-Q4_K_M@x"))
    assert vetted(rows, ()) == (rows, {})


@given(st.text())
def test_ids_are_free_of_markup_and_control_characters(name: str) -> None:
    for row in vetted([_row(name), _row("m", model=name)], ()).rows:
        for text in (row.upstream_model, row.model or ""):
            assert text.isprintable()
            assert not set(text) & set("<>\"'`{}\\")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../b", "..", "./a"])
def test_no_name_steps_out_of_an_address(name: str) -> None:
    assert vetted([_row(name), _row("m", model=name)], ()).rows == ()


@given(st.text(), st.text())
def test_texts_are_kept_short_and_printable(name: str, description: str) -> None:
    (row,) = vetted([_row(name=name, description=description)], ()).rows
    assert row.name is None or (row.name.isprintable() and "<" not in row.name and len(row.name) <= 200)
    assert all(c.isprintable() or c == "\n" for c in row.description or "")


def test_an_absurd_price_is_none_under_conditions_as_well() -> None:
    absurd = Pico(PICO_PER_DOLLAR // 2)
    for pricing in (
        Pricing(prompt=absurd),
        Pricing(input_cache_write=absurd),
        Pricing(overrides=(PriceOverride(prices={"completion": absurd}),)),
    ):
        (row,), complaints = vetted([_row(pricing=pricing)], ())
        assert row.pricing is None
        assert complaints == {"price refused: absurd": 1}
    assert vetted([_row(pricing=Pricing(image=absurd, web_search=absurd))], ()).complaints == {}


def test_the_old_price_stays_where_the_new_one_is_none() -> None:
    (row,), complaints = vetted([_row(pricing=None, context_length=3)], [_row()])
    assert (row.pricing, row.context_length) == (_GOOD, 3)
    assert complaints == {"old price kept: no usable new one": 1}


def test_a_bare_name_stands_for_what_was_known_of_it() -> None:
    assert vetted([_row(pricing=None)], [_row(context_length=9)]).rows == (_row(context_length=9),)
    assert vetted([_row(pricing=None, listed=True)], ()).rows == (_row(pricing=None, listed=True),)


def test_the_first_of_two_rows_about_the_same_offer_counts() -> None:
    rows = [_row(context_length=1), _row(context_length=2), _row(service_tier="flex")]
    assert vetted(rows, ()).rows == (rows[0], rows[2])
