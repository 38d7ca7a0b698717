"""Single values at their edges."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from turnout.base.money import InvalidPrice, parse_price
from turnout.base.secrets import Secret
from turnout.config.values import (
    Created,
    Directory,
    HeaderName,
    Host,
    HttpUrl,
    Interval,
    ModelAlias,
    ModelId,
    Port,
    Price,
    Prose,
    Seconds,
    SecretText,
    SharedUrl,
    Slug,
    StoreUrl,
    Switch,
    Tag,
    Text,
    Tokens,
    Whole,
    seconds_of_interval,
)


class _Row(BaseModel):
    """One key of each kind."""

    created: Created = 0
    directory: Directory = Path()
    header: HeaderName = ""
    host: Host = ""
    http: HttpUrl = ""
    interval: Interval = ""
    alias: ModelAlias = ""
    id: ModelId = ""
    port: Port = 0
    price: Price = ""
    prose: Prose = ""
    seconds: Seconds = 0
    secret: SecretText | None = None
    shared: SharedUrl = ""
    slug: Slug = ""
    store: StoreUrl = ""
    switch: Switch = False
    tag: Tag = ""
    text: Text = ""
    tokens: Tokens = 0
    whole: Whole = 0


def _read(kind: str, value: object) -> Any:  # noqa: ANN401 - of the kind asked for
    return getattr(_Row.model_validate({kind: value}), kind)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("port", 0, 0),
        ("port", "65535", 65535),
        ("whole", "+7", 7),
        ("seconds", 1, 1.0),
        ("seconds", "0.5", 0.5),
        ("switch", "TRUE", True),
        ("switch", "0", False),
        ("http", "https://h", "https://h"),
        ("http", "http://[::1]:8080/v1/", "http://[::1]:8080/v1"),
        ("store", "postgresql://me:pw@db:5432/turnout", "postgresql://me:pw@db:5432/turnout"),
        ("shared", "", ""),
        ("shared", "valkeys://h:6379/0", "valkeys://h:6379/0"),
        ("interval", "90s", "90s"),
        ("interval", "never", "never"),
        ("id", "meta-llama/llama-3.1-8b-instruct:free", "meta-llama/llama-3.1-8b-instruct:free"),
        ("alias", "~acme/latest", "~acme/latest"),
        ("tag", "acme/eu-west/fast", "acme/eu-west/fast"),
        ("price", "1e-9", "1e-9"),
        ("price", "0", "0"),
        ("prose", "two\nlines\tof text", "two\nlines\tof text"),
        ("text", "ünïcode 模型", "ünïcode 模型"),
        ("created", "2026-01-31T01:00:00+01:00", 1_769_817_600),
        ("created", 1_769_817_600, 1_769_817_600),
        ("created", "1769817600", 1_769_817_600),
        ("directory", "./x", Path("x")),
        ("header", "X-Team_1", "X-Team_1"),
        ("host", "::1", "::1"),
        ("secret", Secret("s"), Secret("s")),
        ("secret", "ünt", Secret("ünt")),
    ],
)
def test_a_good_value_is_read(kind: str, value: object, read: object) -> None:
    assert _read(kind, value) == read


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("port", value) for value in (-1, 65536, True, 1.0, "1.0", "", "٣", None, [1])),
        *(("whole", value) for value in (0, 2**41, 10**400, "9" * 30)),
        *(("seconds", value) for value in (0, -1, 86401, float("nan"), float("inf"), 10**400, True, "inf", "")),
        *(("switch", value) for value in (1, 0, "yes", "", 1.0)),
        *(("slug", value) for value in ("", "A", "-a", "a b", "a/b", "a" * 65, "é", 1)),
        *(
            ("id", value)
            for value in ("", "tiny", "/", "a/", "a/b/c", "~a/b", "a/b@preset/x", "@preset/x", "a/b:floor")
        ),
        *(("alias", value) for value in ("tiny", "~/b", "a/b:online")),
        *(("tag", value) for value in ("", "/a", "a//b", "A/b")),
        *(("text", value) for value in ("", "a\nb", "a\x00", "\x1b[0m", "\u2028", "\ud800", "a" * 4097)),
        *(("prose", value) for value in ("a\x00", "\x1b", "a\r\nb")),
        *(("interval", value) for value in ("6", "0h", "h", "6 h", "-1h", "1w", "")),
        *(("price", value) for value in ("", " 1", "-0.1", "NaN", "Infinity", "1,5", "0x1", "1e-13", 0.1, 1, None)),
        *(("created", value) for value in (-1, "soon", 1.5, 10**15, True, "2026-02-30")),
        *(("directory", value) for value in ("", "a\x00", 3)),
        *(("header", value) for value in ("", "a b", "a:", "é", "a\r\nb", "HOST", "transfer-encoding")),
        *(("host", value) for value in ("", "http://h", "h/x", "h h", "h\n")),
        *(("secret", value) for value in ("", "a\nb", "a\rb", "a\x00", "模", 5, b"x")),
    ],
)
def test_a_bad_value_is_refused(kind: str, value: object) -> None:
    with pytest.raises(ValidationError):
        _read(kind, value)


@pytest.mark.parametrize(
    "url",
    [
        "", "h", "//h", "http:/h", "http:h", "http://", "http:///v1", "http://:80", "http://h:99999", "http://h:x",
        "HTTP ://h", "ftp://h", "file:///etc/passwd", "http://u@h", "http://u:p@h", "http://@h", "http://h?",
        "http://h/?q", "http://h#", "http://h/#f", "http://h\\@evil", "http://h/a b", "http://h/\n", "http://h\t",
        "http://é", "http://[::1", "http://h" + "/a" * 2000,
    ],
)  # fmt: skip
def test_only_plain_http_urls_are_addresses(url: str) -> None:
    with pytest.raises(ValidationError):
        _read("http", url)


@pytest.mark.parametrize("url", ["mysql://h/x", "sqlite:", "SQLITE", "postgresql:", "postgresql://", ""])
def test_only_known_stores_are_stores(url: str) -> None:
    with pytest.raises(ValidationError):
        _read("store", url)


@given(st.text(max_size=20) | st.decimals(allow_nan=True).map(str) | st.from_regex(r"[0-9]{1,3}\.[0-9]{1,14}"))
def test_a_price_is_accepted_exactly_when_money_accepts_it(text: str) -> None:
    try:
        parse_price(text)
    except InvalidPrice:
        with pytest.raises(ValidationError):
            _read("price", text)
    else:
        assert _read("price", text) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("6h", 21600), ("7d", 604800), ("never", None)]
)
def test_an_interval_is_seconds(text: str, seconds: int | None) -> None:
    assert seconds_of_interval(text) == seconds


def test_a_secret_is_dumped_masked() -> None:
    row = _Row(secret=Secret("canary"))
    assert "canary" not in row.model_dump_json()
    assert "canary" not in repr(row)
