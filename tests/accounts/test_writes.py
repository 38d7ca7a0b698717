from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.accounts.writes import ACCOUNT_FIELDS, KEY_FIELDS, changed_key, read_body, unix_second
from turnout.base.errors import BadRequest
from turnout.base.money import MAX_PICO
from turnout.domain.account import Key, KeyRules

_KEY = Key(hash="h", account_id="a", name="n", label="l", rules=KeyRules(tags=("t",)))


@given(st.decimals(0, 9_000_000, allow_nan=False, allow_infinity=False, places=12))
def test_dollars_are_read_exactly(amount: object) -> None:
    values = read_body(b'{"credit":%b}' % f"{amount:f}".encode(), ACCOUNT_FIELDS)
    assert values["credit"] == Fraction(str(amount)) * 10**12


@given(st.floats(0, 9_000_000))
def test_a_double_is_read_to_within_a_pico_dollar_and_never_upwards(amount: float) -> None:
    pico = read_body(json.dumps({"credit": amount}).encode(), ACCOUNT_FIELDS)["credit"]
    assert 0 <= pico <= MAX_PICO
    assert 0 <= Fraction(repr(amount)) * 10**12 - pico < 1


@given(st.binary(max_size=60))
def test_any_bytes_are_values_or_a_bad_request(body: bytes) -> None:
    try:
        values = read_body(body, KEY_FIELDS)
    except BadRequest:
        return
    assert values.keys() <= KEY_FIELDS.keys()


@given(
    st.dictionaries(st.sampled_from(sorted(KEY_FIELDS)) | st.text(max_size=8), st.none() | st.text() | st.integers())
)
def test_any_object_is_values_or_a_bad_request_that_names_a_field(fields: dict[str, object]) -> None:
    complaint = "`"
    try:
        read_body(json.dumps(fields).encode(), KEY_FIELDS)
    except BadRequest as error:
        complaint = error.message
    assert "`" in complaint or "JSON" in complaint


def test_what_is_not_mentioned_stays() -> None:
    changed = changed_key(_KEY, read_body(b'{"allowed_models":["m/m"]}', KEY_FIELDS), 5.0)
    assert changed.rules == KeyRules(models=("m/m",), tags=("t",))
    assert (changed.name, changed.updated) == ("n", 5.0)


@given(st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1)))  # noqa: DTZ001 - naive bounds
def test_a_date_in_utc_is_its_unix_second(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    text = aware.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert unix_second(text) == pytest.approx(aware.timestamp(), abs=1e-3)
    with pytest.raises(ValueError, match="UTC"):
        unix_second(text.replace("Z", "+01:00"))
