"""How a page is drawn: a template filled in a thread, compressed, and kept for those who ask for the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from fastapi import Request, Response

from turnout import __version__
from turnout.base.stored import Stored
from turnout.web.assets import Assets
from turnout.web.headers import HTML, answer, secured
from turnout.web.shown import FILTERS

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Drawn", "Easel"]

_KEPT: Final = 256  # pages
_SECONDS: Final = 10.0
_BRIEFLY: Final = b"public, max-age=10"
_NOT_KEPT: Final = b"no-store"

Drawn = tuple[str, Mapping[str, Any], int]
"""The template's name, what it is filled with, and the status."""


@final
class Easel:
    """Draws pages, and keeps each for some seconds, or until what it was drawn of is replaced."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._kept: dict[tuple[str, str], tuple[object, float, Stored, int]] = {}

    @cached_property
    def _environment(self) -> Environment:
        """What templates are found and filled with; made for the first page, since it brings 2 MB."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - see above

        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters |= FILTERS
        environment.globals |= {"assets": self.assets, "version": __version__}
        return environment

    async def show(
        self, request: Request, subject: object, draw: Callable[[], Drawn], seconds: float = _SECONDS
    ) -> Response:
        """The page at this address. *draw* is called in a thread, again after *seconds* or for another *subject*."""
        now = asyncio.get_running_loop().time()
        place = (request.headers.get("host", ""), str(request.url))
        kept = self._kept.get(place)
        if kept is None or kept[0] is not subject or kept[1] <= now:
            stored, status = await asyncio.to_thread(self._drawn, request.url.path, draw)
            kept = (subject, now + seconds, stored, status)
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[place] = kept
        return answer(request, kept[2], kept[3])

    async def once(self, request: Request, drawn: Drawn, form_to: str = "") -> Response:
        """A page that nobody keeps; *form_to* as :func:`secured` has it."""
        name, content, status = drawn
        body = await asyncio.to_thread(self._filled, name, request.url.path, content)
        return secured(Response(body, status, {"Cache-Control": "no-store"}, HTML.decode()), form_to)

    def _drawn(self, path: str, draw: Callable[[], Drawn]) -> tuple[Stored, int]:
        name, content, status = draw()
        body = self._filled(name, path, content).encode()
        stored = Stored(body, kind=HTML, cache=_BRIEFLY if status == 200 else _NOT_KEPT)
        if stored.compressible:
            stored.compress()
        return stored, status

    def _filled(self, name: str, path: str, content: Mapping[str, Any]) -> str:
        return self._environment.get_template(name).render(path=path, **content)
