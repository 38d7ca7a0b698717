"""Foreign addresses: a URL read strictly, and which IP addresses belong to the public internet."""

from __future__ import annotations

import re
import socket
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import quote

from msgspec import Struct

__all__ = ["Address", "Target", "is_own", "is_public", "parse_address", "parse_target"]

Address = IPv4Address | IPv6Address

_MAX_URL = 8192
_MAX_PORT = 65_535
_MAX_NAME = 253
_URL: Final = re.compile(
    r"(https?)://([0-9a-z._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?([/?#][^\0- \x7f]*)?", re.ASCII | re.IGNORECASE
)
_NAME: Final = re.compile(r"[0-9a-z_-]{1,63}(?:\.[0-9a-z_-]{1,63})+")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ANY_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NEVER_PUBLIC: Final = frozenset({"arpa", "internal", "invalid", "local", "localdomain", "localhost", "onion", "test"})
"""Last labels of names that mean nothing in the public DNS."""

_NO_PUBLIC_V4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own services, seen from within
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_NO_PUBLIC_V6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


class Target(Struct, frozen=True):
    """A URL taken apart. ``host`` is lower-case, without brackets; ``path`` begins with a slash and holds the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As ``Host`` has it: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def place(self) -> str:
        """``host:port``, as the operator lists it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(url: str) -> Target:
    """Read *url* as scheme://host[:port][/path][?query][#fragment] and nothing else: no user, no other spelling of a
    number, no letter beyond ASCII in the host. The fragment is cut off, other letters in the path are escaped.

    Raises:
        ValueError: it is anything else.
    """
    parts = _URL.fullmatch(url) if len(url) <= _MAX_URL else None
    if parts is None:
        raise ValueError("not a plain http or https URL")
    scheme, host, port, rest = parts[1].lower(), parts[2].lower(), parts[3], parts[4] or "/"
    if host[0] == "[":
        host = str(IPv6Address(host[1:-1]))
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    if not 0 < number <= _MAX_PORT:
        raise ValueError("not a port")
    path = quote(rest.partition("#")[0], safe=_ANY_ASCII)
    return Target(scheme, host, number, path if path[:1] == "/" else f"/{path}")


def parse_address(host: str) -> Address | None:
    """The address that *host* spells; None where it is a name that may stand in the public DNS.

    Raises:
        ValueError: it is neither.
    """
    if ":" in host:
        return IPv6Address(host)
    last = host.rpartition(".")[2]
    if _NUMBER.fullmatch(last):  # resolvers read such names as numbers: octal, hexadecimal, short forms
        try:
            return IPv4Address(host)
        except AddressValueError:
            raise ValueError("a number in another spelling") from None
    if not _NAME.fullmatch(host) or len(host) > _MAX_NAME or last in _NEVER_PUBLIC:
        raise ValueError("no public name")
    return None


def is_public(address: Address) -> bool:
    """Whether *address* is one host of the public internet, however IPv4 may hide in IPv6.

    Source: IANA's registries of special-purpose addresses, and metadata services outside them.
    """
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NO_PUBLIC_V4)
    if address.scope_id is not None or address not in _PUBLIC_V6 or any(address in block for block in _NO_PUBLIC_V6):
        return False
    return (int(address) >> 32) & 0xFFFF_FFFF not in _ISATAP


def is_own(address: Address) -> bool:
    """Whether *address* is this machine's own: then it is also where a packet to it would come from. Sends nothing."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return bool(probe.getsockname()[0] == str(address))
    except OSError:
        return False  # no way leads there
