"""The members of ZIP archives, and the XML in them, unpacked within limits."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from posixpath import dirname, join, normpath
from typing import final
from xml.parsers import expat

from turnout.plugins.files.limits import Unreadable

__all__ = ["Archive", "Start", "Words"]

Start = Callable[[str, dict[str, str]], None]
"""Gets the name of a tag and its attributes."""
Words = Callable[[str], None]
"""Gets the name of a tag that ends, or a piece of text."""

_MOST_UNPACKED = 128 * 2**20
_MOST_MEMBERS = 20_000
_PIECE = 2**16


def _nothing(_tag: str) -> None:
    """Of an end that does not matter."""


@final
class Archive:
    """A ZIP file of which no more is unpacked than is allowed, whatever it says of itself."""

    def __init__(self, content: bytes) -> None:
        """Raises Unreadable: *content* is no archive that can be read."""
        try:
            self._zip = zipfile.ZipFile(BytesIO(content))
            self.names = frozenset(self._zip.namelist())
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
            raise Unreadable("it is a broken ZIP archive") from None
        if len(self.names) > _MOST_MEMBERS:
            raise Unreadable("it is an archive of too many files")
        self._room = _MOST_UNPACKED

    def read(self, name: str) -> bytes:
        """The member *name*, empty where there is none.

        Raises:
            Unreadable: it is broken, locked, or too large.
        """
        if name not in self.names:
            return b""
        parts: list[bytes] = []
        try:
            with self._zip.open(name) as member:
                while piece := member.read(_PIECE):
                    self._room -= len(piece)
                    if self._room < 0:
                        raise Unreadable(f"it unpacks to more than {_MOST_UNPACKED >> 20} MiB")
                    parts.append(piece)
        except RuntimeError:
            raise Unreadable("it is locked with a password") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError):
            raise Unreadable("it is a broken ZIP archive") from None
        return b"".join(parts)

    def parse(self, name: str, start: Start, end: Words = _nothing, text: Words | None = None) -> None:
        """Read the XML in the member *name*. Names of tags come without their namespaces.

        Raises:
            Unreadable: it is broken, or declares entities.
        """
        content = self.read(name)
        if not content:
            return
        parser = expat.ParserCreate()

        def opened(tag: str, attributes: dict[str, str]) -> None:
            start(tag.rpartition(":")[2], attributes)

        def refuse(*_: object) -> None:
            raise Unreadable("its XML declares entities")

        parser.buffer_text = True
        parser.StartElementHandler = opened
        parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
        parser.EntityDeclHandler = refuse
        if text is not None:
            parser.CharacterDataHandler = text
        try:
            parser.Parse(content, True)
        except expat.ExpatError:
            raise Unreadable(f"the XML in {name[:80]} is broken") from None

    def related(self, name: str) -> Mapping[str, tuple[str, str]]:
        """What the member *name* of an Office file refers to, by id: the kind, and the member."""
        found: dict[str, tuple[str, str]] = {}
        folder = dirname(name)

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                path = target[1:] if target.startswith("/") else normpath(join(folder, target))
                found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

        self.parse(join(folder, "_rels", f"{name.rpartition('/')[2]}.rels"), start)
        return found
