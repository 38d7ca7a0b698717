"""What an app may ask for, and where its code may go."""

from __future__ import annotations

import pytest

from turnout.accounts.apps import callback_of, read_query, s256, wish_of
from turnout.base.errors import BadRequest

_CHALLENGE = s256("v" * 43)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://app.example/back", "app.example"),
        ("https://APP.example:8443/back?state=1&x=%2F", "app.example:8443"),
        ("https://app.example", "app.example"),
        ("https://app.example?x=1", "app.example"),
        ("http://localhost:3000/cb", "localhost:3000"),
        ("http://127.0.0.1:1/", "127.0.0.1:1"),
        ("http://[::1]:9/cb", "[::1]:9"),
    ],
)
def test_a_code_goes_to_https_or_to_this_machine(url: str, host: str) -> None:
    found = callback_of(url)
    assert (found.url, found.host) == (url, host)
    assert found.told("code", "x") == url + ("&" if "?" in url else "?") + "code=x"


@pytest.mark.parametrize(
    "url",
    [
        "", "app.example", "//app.example", "http://app.example/", "http://localhost.evil.example/", "ftp://localhost/",
        "javascript:alert(1)", "data:text/html,x", "myapp://callback", "https://", "https:///x", "https:/app.example",
        "https://app.example@evil.example/", "https://user:pw@app.example/", "https://app.example#frag",
        "https://app.example/#frag", "https://app.example\\@evil.example", "https://app.example /", "https://app.exam\tple/",
        "https://app.example/\r\nX: y", "https://app.example/\n", "https://app.example:0/", "https://app.example:65536/",
        "https://ünï.example/", "https://app.example/ü", "https://app.example/?code=1", "https://app.example/?a=1&error=x",
        "https://app.example/?c%6fde=1", 'https://app.example/"', "https://app.example/'\"><script>",
        "http://127.0.0.1.evil.example/", "http://localhost@evil.example/", "http://2130706433/", "HTTPS://app.example/",
        "https://app.example/" + "x" * 2_048, "https://[::1", "https://app.example;x/", "https://app.example%2f.evil/",
    ],
)  # fmt: skip
def test_no_code_goes_anywhere_else(url: str) -> None:
    with pytest.raises(BadRequest):
        callback_of(url)


def _asked(**stated: str) -> dict[str, str]:
    return {
        "callback_url": "https://a.example/",
        "code_challenge": _CHALLENGE,
        "code_challenge_method": "S256",
    } | stated


def test_what_is_asked_for_is_read_from_an_address() -> None:
    wish = wish_of(
        read_query(_asked(limit="2.5", usage_limit_type="weekly", key_label="My app", foreign="x")), None, 0.0
    )
    assert (wish.name, wish.limit, wish.limit_reset) == ("My app", 2_500_000_000_000, "weekly")
    assert wish_of(read_query(_asked()), None, 0.0).name == "a.example"
    assert wish_of(read_query(_asked(callback_url="")), None, 0.0).callback is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code_challenge_method", "plain"), ("code_challenge_method", "s256"), ("code_challenge_method", "none"),
        ("code_challenge", ""), ("code_challenge", "x" * 42), ("code_challenge", "x" * 43 + "="),
        ("code_challenge", "+" * 43),
        ("limit", '1,"admin":true'), ("limit", "-1"), ("limit", "abc"), ("usage_limit_type", "hourly"),
        ("expires_at", "yesterday"), ("expires_at", "1970-01-01T00:00:00Z"), ("key_label", "x" * 101),
    ],
)  # fmt: skip
def test_a_downgrade_and_other_nonsense_are_refused(field: str, value: str) -> None:
    with pytest.raises(BadRequest, match=field):
        wish_of(read_query(_asked(**{field: value})), None, 1.0)


def test_the_challenge_is_that_of_the_standards_example() -> None:
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
