"""Replies kept as bytes: encodings, ETags."""

import gzip

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.stored import Stored, accepted, is_known

_BODY = b'{"data":[%b]}' % (b"0," * 2_000)


def _stored(body: bytes = _BODY) -> Stored:
    stored = Stored(body, cache=b"public, max-age=60")
    stored.compress()
    return stored


def test_every_encoding_holds_the_same_body() -> None:
    stored = _stored()
    assert gzip.decompress(stored.choose(b"gzip").body) == _BODY
    assert brotli.decompress(stored.choose(b"br").body) == _BODY
    assert zstandard.ZstdDecompressor().decompress(stored.choose(b"zstd").body) == _BODY
    assert stored.choose(None).body == stored.choose(b"identity").body == _BODY


def test_each_variant_has_its_own_etag_and_says_what_it_is() -> None:
    variants = [_stored().choose(name) for name in (None, b"gzip", b"br", b"zstd")]
    assert len({variant.etag for variant in variants}) == 4
    assert b"content-encoding" not in variants[0].lines
    assert b"content-encoding: br\r\n" in variants[2].lines
    for variant in variants:
        assert b"vary: accept-encoding\r\n" in variant.lines
        assert b"etag: %b\r\n" % variant.etag in variant.lines


def test_the_same_body_has_the_same_etag_and_another_one_another() -> None:
    assert _stored().choose(b"gzip").etag == _stored().choose(b"gzip").etag
    assert _stored(b"x" * 5_000).choose(b"gzip").etag != _stored().choose(b"gzip").etag


@pytest.mark.parametrize(
    ("header", "best"),
    [
        (b"gzip", (b"gzip",)),
        (b"gzip, deflate, br, zstd", (b"br", b"zstd", b"gzip")),
        (b"gzip;q=1.0, br;q=0.5", (b"gzip", b"br")),
        (b"br;q=0, gzip", (b"gzip",)),
        (b"*", (b"br", b"zstd", b"gzip")),
        (b"*;q=0.1, zstd;q=0.9", (b"zstd", b"br", b"gzip")),
        (b"identity", ()),
        (b"identity;q=1, gzip;q=0.5", ()),
        (b"GZIP ; q=0.3", (b"gzip",)),
        (b"deflate, compress", ()),
        (b"gzip;q=x, br;q=nan", ()),
        (b"", ()),
    ],
)
def test_clients_get_what_they_like_best(header: bytes, best: tuple[bytes, ...]) -> None:
    assert accepted(header) == best


@given(st.binary(max_size=600))
def test_any_header_is_read(header: bytes) -> None:
    assert set(accepted(header)) <= {b"br", b"zstd", b"gzip"}


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (b'"a"', True),
        (b'W/"a"', True),
        (b'"b", "a"', True),
        (b"*", True),
        (b'"ab"', False),
        (b"a", False),
        (b"", False),
    ],
)
def test_an_etag_is_known_or_not(header: bytes, known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_known(b'"a"', header) is known
