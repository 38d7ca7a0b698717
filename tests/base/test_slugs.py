from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.slugs import VIRTUAL_VARIANTS, InvalidModelName, ModelName, parse_model_name

WORDS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "base", "virtual", "preset"),
    [
        ("acme/tiny", "acme/tiny", (), None),
        ("tiny", "tiny", (), None),
        ("~acme/tiny-latest", "~acme/tiny-latest", (), None),
        ("acme/tiny:free", "acme/tiny:free", (), None),
        ("acme/tiny:nitro", "acme/tiny", ("nitro",), None),
        ("acme/tiny:free:online:floor", "acme/tiny:free", ("online", "floor"), None),
        ("acme/tiny@preset/mine", "acme/tiny", (), "mine"),
        ("acme/tiny:nitro@preset/mine", "acme/tiny", ("nitro",), "mine"),
        ("@preset/mine", "", (), "mine"),
        ("acme/org/tiny-1.5+x", "acme/org/tiny-1.5+x", (), None),
        ("workers/@cf/meta/tiny", "workers/@cf/meta/tiny", (), None),
        ("openrouter/auto", "openrouter/auto", (), None),
    ],
)
def test_names_are_taken_apart(text: str, base: str, virtual: tuple[str, ...], preset: str | None) -> None:
    assert parse_model_name(text) == ModelName(base, virtual, preset)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "/", "acme/", "/tiny", "acme//tiny", "acme/ti ny", "acme/tiny:", "acme/tiny::free", "acme/tiny\n",
        "acme/tiny@preset/", "acme/tiny@preset/a/b", "@preset/", "acme/tïny", "acme/tiny;drop", "a" * 257, "../x",
        "acme/tiny@preset/a@preset/b", "acme/tiny?x", "acme\\tiny", "acme/tiny\x00",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidModelName):
        parse_model_name(text)


@given(
    WORDS,
    WORDS,
    st.lists(st.sampled_from([*sorted(VIRTUAL_VARIANTS), "free", "thinking"]), max_size=4),
    st.none() | st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True),
)
def test_real_variants_stay_with_the_model_and_virtual_ones_stand_apart(
    author: str, slug: str, variants: list[str], preset: str | None
) -> None:
    text = f"{author}/{slug}" + "".join(f":{v}" for v in variants) + (f"@preset/{preset}" if preset else "")
    parsed = parse_model_name(text)
    assert parsed.base == f"{author}/{slug}" + "".join(f":{v}" for v in variants if v not in VIRTUAL_VARIANTS)
    assert parsed.virtual == tuple(v for v in variants if v in VIRTUAL_VARIANTS)
    assert parsed.preset == preset


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        parsed = parse_model_name(text)
    except InvalidModelName:
        return
    assert len(parsed.base) <= 256
    assert parsed.base or parsed.preset
