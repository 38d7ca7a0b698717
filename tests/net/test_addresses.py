from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.net.addresses import is_own, is_public, parse_address, parse_target


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://example.com", "example.com", "/"),
        ("HTTPS://Example.COM/A%20b?c=d#e", "example.com", "/A%20b?c=d"),
        ("http://example.com:80/", "example.com", "/"),
        ("https://example.com:80/", "example.com:80", "/"),
        ("http://example.com?x=y", "example.com", "/?x=y"),
        ("http://example.com#x", "example.com", "/"),
        ("http://93.184.216.34:8080/a", "93.184.216.34:8080", "/a"),
        ("http://[2606:2800:220:1::1946]/a", "[2606:2800:220:1::1946]", "/a"),
        ("http://[2606:2800:0220:0001:0:0:0:1946]:81/a", "[2606:2800:220:1::1946]:81", "/a"),
        ("https://xn--bcher-kva.example/ü/ 中".replace(" ", ""), "xn--bcher-kva.example", "/%C3%BC/%E4%B8%AD"),
    ],
)
def test_plain_urls_are_read(url: str, authority: str, path: str) -> None:
    target = parse_target(url)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,x",
        "http:example.com",
        "http:/example.com",
        "http:///example.com",
        "http://",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://example.com:word@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com:80:80/",
        "http://example.com:/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:\uff18\uff10/",
        "http://example.com /",
        " http://example.com/",
        "http://example.com/\n",
        "http://example.com/\r\nX: y",
        "http://exa\tmple.com/",
        "http://bücher.example/",
        "http://①②⑦.0.0.1/",
        "http://example。com/",
        "http://%65xample.com/",
        "http://[::1/",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http\u017f://example.com/",
        "http://\N{KELVIN SIGN}.example/",
        "http://example.com/" + "a" * 9000,
        "http://example.com/\ud800",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_target(url)


@given(st.text(max_size=40) | st.text("http:/@[]%.\\#?018afx", max_size=40).map("http://".__add__))
def test_no_text_breaks_the_reading_of_urls(text: str) -> None:
    try:
        target = parse_target(text)
    except ValueError:
        return
    assert target.path[0] == "/"
    assert f"{target.authority}{target.path}".isascii()
    assert not set(f"{target.authority}{target.path}") & set(" \r\n\t\0")


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:4700::1111"])
def test_addresses_are_told_from_names(host: str) -> None:
    assert parse_address(host) == ip_address(host)


def test_names_are_no_addresses() -> None:
    assert parse_address("images.example.com") is None


@pytest.mark.parametrize(
    "host",
    ["localhost", "intranet", "a.localhost", "printer.local", "metadata.google.internal", "example.com.", ".com",
     "a..com", "1.com.0x7f", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.01", "a" * 64 + ".com",
     "a." * 127 + "com"],
)  # fmt: skip
def test_other_spellings_and_names_that_are_never_public_are_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(host)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "192.0.1.0", "223.255.255.255", "100.63.255.255",
     "100.128.0.0", "2606:4700::1111", "2a00:1450:4001::1", "2001:200::1"],
)  # fmt: skip
def test_hosts_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_never_public(address: object) -> None:
    found = ip_address(str(address))
    if not found.is_global or found.is_multicast or found.is_reserved:
        assert not is_public(found) or str(found).startswith("192.88.99.")


@given(st.ip_addresses(v=6))
def test_what_python_calls_private_in_ipv6_is_never_public(address: object) -> None:
    found = ip_address(str(address))
    if not found.is_global or found.is_multicast or found.is_reserved:
        assert not is_public(found)


def test_this_machine_knows_its_own_addresses() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("192.0.2.1"))
