"""Requests that are no conversation and want no vectors: one call, one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from turnout.domain.chat import ChatRequest
from turnout.domain.usage import Units

__all__ = [
    "ErrandRequest",
    "ImageRequest",
    "ModerationRequest",
    "Recording",
    "RerankRequest",
    "SpeechRequest",
    "TranscriptionRequest",
]


class ErrandRequest(ChatRequest, frozen=True, kw_only=True):
    """One request of any of the kinds below. ``fields`` has what a JSON body said, whatever it was.

    Attributes:
        units: what it uses of what is not sold by the token, by our own count: charged where the provider counts
            nothing.
        most_units: the same at most, as far as we can know; that is what budgets hold.
        most_read: most tokens that go in, of which budgets hold the price; ``most_written`` those that come out.
        places: how many results there can be at most, None for any number: each has an index below that.
    """

    units: Units = Units()
    most_units: Units = Units()
    most_read: int = 0
    most_written: int = 0
    places: int | None = None


class RerankRequest(ErrandRequest, frozen=True, kw_only=True):
    """Documents to be put into the order in which they answer ``query``.

    Attributes:
        documents: texts, or objects with ``text`` and ``image`` (a URL, or base64).
        top_n: how many are wanted; None is all.
    """

    wants: ClassVar[str] = "rerank"

    query: str
    documents: Sequence[str | Mapping[str, str]]
    top_n: int | None = None


class ImageRequest(ErrandRequest, frozen=True, kw_only=True):
    """Images to be made of ``prompt``.

    Attributes:
        references: images to start from, by URL; ``data:`` URLs among them.
        count: how many images.
        size: width and height in pixels, where the client wants them exactly.
        aspect_ratio: such as ``16:9``; ``resolution`` such as ``2K``; None leaves it to the model.
    """

    wants: ClassVar[str] = "image"

    prompt: str
    references: Sequence[str] = ()
    count: int = 1
    size: tuple[int, int] | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None


class Recording(NamedTuple):
    """Sound: its bytes, a file name with the ending that its format has, and its media type."""

    content: bytes
    file: str
    media_type: str


class TranscriptionRequest(ErrandRequest, frozen=True, kw_only=True):
    """Sound to be written down. ``settings`` are fields of a form, in their order, without file and model."""

    wants: ClassVar[str] = "transcription"

    recording: Recording
    settings: Sequence[tuple[str, str]] = ()


class SpeechRequest(ErrandRequest, frozen=True, kw_only=True):
    """A text to be spoken. ``form`` is the format of the sound."""

    wants: ClassVar[str] = "speech"

    form: str = "pcm"


class ModerationRequest(ErrandRequest, frozen=True, kw_only=True):
    """What is to be judged, ``input`` of the fields: a text, texts, or parts with texts and images."""

    wants: ClassVar[str] = "moderation"
