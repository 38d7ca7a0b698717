"""Signatures: what AWS publishes as right comes out."""

from __future__ import annotations

import pytest

from turnout.base.secrets import Secret
from turnout.providers.sigv4 import Signer

SECRET = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
MOMENT = 1_440_938_160.0
"""2015-08-30T12:36:00Z."""
HOST = {"Host": "example.amazonaws.com"}


def signer(service: str = "service", token: str | None = None) -> Signer:
    return Signer("AKIDEXAMPLE", SECRET, "us-east-1", service, Secret(token) if token else None)


VECTORS = {
    "get-vanilla": ("GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "post-vanilla": ("POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "get-vanilla-query-order-key-case": (
        "GET",
        "/?Param2=value2&Param1=value1",
        {},
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-order-value": (
        "GET",
        "/?Param1=value2&Param1=Value1",
        {},
        b"",
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    "get-vanilla-utf8-query": (
        "GET",
        "/?\u1234=bar",
        {},
        b"",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "get-utf8": ("GET", "/\u1234", {}, b"", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    "get-space": (
        "GET",
        "/example space/",
        {},
        b"",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    "post-header-key-sort": (
        "POST",
        "/",
        {"My-Header1": "value1"},
        b"",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        "POST",
        "/",
        {"Content-Type": "application/x-www-form-urlencoded"},
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors_come_out(name: str) -> None:
    method, target, headers, body, signature = VECTORS[name]
    added = signer().headers(method, target, HOST | headers, body, MOMENT)
    names = ";".join(sorted(header.lower() for header in {"Host", "X-Amz-Date", *headers}))
    assert added["X-Amz-Date"] == "20150830T123600Z"
    assert added["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_the_example_of_the_documentation_comes_out() -> None:
    headers = {"Host": "iam.amazonaws.com", "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    added = signer("iam").headers("GET", "/?Action=ListUsers&Version=2010-05-08", headers, b"", MOMENT)
    assert added["Authorization"].endswith("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_a_session_token_is_sent_and_signed() -> None:
    added = signer(token="a-session").headers("POST", "/", HOST, b"{}", MOMENT)
    assert added["X-Amz-Security-Token"] == "a-session"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in added["Authorization"]
    other = signer(token="another").headers("POST", "/", HOST, b"{}", MOMENT)
    assert other["Authorization"] != added["Authorization"]


def test_an_escaped_path_is_escaped_once_more_for_the_signature() -> None:
    plain = signer().headers("POST", "/model/a:0/converse", HOST, b"", MOMENT)
    escaped = signer().headers("POST", "/model/a%3A0/converse", HOST, b"", MOMENT)
    twice = signer().headers("POST", "/model/a%253A0/converse", HOST, b"", MOMENT)
    assert len({one["Authorization"] for one in (plain, escaped, twice)}) == 3


@pytest.mark.parametrize("change", ["body", "path", "day", "host"])
def test_whatever_changes_changes_the_signature(change: str) -> None:
    one = signer()
    before = one.headers("POST", "/a", HOST, b"x", MOMENT)["Authorization"]
    after = one.headers(
        "POST",
        "/b" if change == "path" else "/a",
        {"Host": "other.example"} if change == "host" else HOST,
        b"y" if change == "body" else b"x",
        MOMENT + 86_400 * (change == "day"),
    )["Authorization"]
    assert before.rpartition("=")[2] != after.rpartition("=")[2]
    assert one.headers("POST", "/a", HOST, b"x", MOMENT)["Authorization"] == before


def test_the_secret_never_shows() -> None:
    added = signer().headers("POST", "/", HOST, b"", MOMENT)
    assert SECRET.reveal() not in "".join(added.values())
    assert SECRET.reveal() not in repr(vars(signer()))
