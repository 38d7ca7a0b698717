"""The text of a page in HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final, final

__all__ = ["html_text"]

_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "title", "tr", "ul",
})  # fmt: skip
_SILENT: Final = frozenset({"script", "style", "template", "noscript", "svg"})
_KEPT: Final = {ord(" "): "\0", ord("\n"): "\1"}
_KEPT_AS: Final = {0: " ", 1: "\n"}
"""What stands for spaces that are to stay."""
_SPACES: Final = re.compile(r"[ \t\r\f\v\xa0]+")
_LINES: Final = re.compile(r" ?\n[ \n]*\n ?| ?\n ?")


@final
class _Page(HTMLParser):
    """Collects what a reader of a page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a line begins."""
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            heading = tag[0] == "h" and tag[1:].isdigit()
            self.parts.append("\n\n" + "#" * int(tag[1:]) + " " if heading else "\n- " if tag == "li" else "\n")
        elif tag in {"td", "th"}:
            self.parts.append(" | ")
        elif tag == "img":
            self.parts.append(next((text for name, text in attrs if name == "alt" and text), ""))
        self._verbatim += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As the beginning of an element without contents."""
        if tag not in _SILENT:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Note where a line ends."""
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")
        self._verbatim = max(0, self._verbatim - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        """Keep *data*, unless nobody sees it."""
        if not self._silent:
            self.parts.append(data.translate(_KEPT) if self._verbatim else data.replace("\n", " "))


def html_text(source: str) -> str:
    """What a reader of the page *source* sees, with marks for headings, items and cells."""
    page = _Page()
    page.feed(source)
    page.close()
    text = _SPACES.sub(" ", "".join(page.parts))
    text = _LINES.sub(lambda found: "\n\n" if found[0].count("\n") > 1 else "\n", text).strip()
    return text.translate(_KEPT_AS)
