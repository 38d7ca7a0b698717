"""The website's files: the style sheet, pictures and the compiled front end, named after their content."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

from turnout.base.stored import Stored

__all__ = ["Assets"]

_HERE: Final = Path(__file__).parent
_FOREVER: Final = b"public, max-age=31536000, immutable"
_A_DAY: Final = b"public, max-age=86400"
_KINDS: Final = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}


class _Chunk(Struct):
    file: str
    imports: tuple[str, ...] = ()
    css: tuple[str, ...] = ()


@final
class Assets:
    """All files, read and compressed once: some tenths of a second, so make it in a thread.

    Attributes:
        built: whether the front end is there. Without it, pages have no scripts but work.
    """

    def __init__(self, own: Path = _HERE / "style", compiled: Path = _HERE / "static") -> None:
        self._files: dict[str, Stored] = {}
        self._names: dict[str, str] = {}
        for path in sorted(own.iterdir()):
            if path.suffix in _KINDS:
                body = path.read_bytes()
                name = f"{path.stem}-{blake2b(body, digest_size=6).hexdigest()}{path.suffix}"
                self._names[path.name] = f"/assets/{name}"
                self._files[name] = _stored(path, body, _FOREVER)
                self._files[path.name] = _stored(path, body, _A_DAY)  # for who knows it by its plain name
        manifest = compiled / "manifest.json"
        self.built = manifest.is_file()
        chunks = msgspec.json.decode(manifest.read_bytes(), type=dict[str, _Chunk]) if self.built else {}
        self._chunks = chunks
        for path in sorted(compiled.iterdir()) if self.built else ():
            if path.suffix in _KINDS:
                self._files[path.name] = _stored(path, path.read_bytes(), _FOREVER)

    def find(self, name: str) -> Stored | None:
        """The file of that name below ``/assets/``."""
        return self._files.get(name)

    def address(self, name: str) -> str:
        """The address of one of our own files, such as ``turnout.css``. Raises KeyError for one that is not there."""
        return self._names[name]

    def scripts(self, entry: str) -> tuple[str, ...]:
        """The addresses of an entry such as ``src/site.ts`` and of what it needs, itself first; none when not built."""
        return tuple(f"/assets/{self._chunks[name].file}" for name in self._reached(entry))

    def styles(self, entry: str) -> tuple[str, ...]:
        """The addresses of the style sheets that come with an entry."""
        return tuple(f"/assets/{css}" for name in self._reached(entry) for css in self._chunks[name].css)

    def _reached(self, entry: str) -> dict[str, None]:
        found: dict[str, None] = {}
        waiting = [entry] if entry in self._chunks else []
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting += self._chunks[name].imports
        return found


def _stored(path: Path, body: bytes, cache: bytes) -> Stored:
    stored = Stored(body, kind=_KINDS[path.suffix], cache=cache)
    if stored.compressible:
        stored.compress()
    return stored
