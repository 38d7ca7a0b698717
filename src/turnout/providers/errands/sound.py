"""Sound written down, and texts spoken: OpenAI's audio API and its relatives."""

from __future__ import annotations

import re
from typing import Any, Final, final

from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.jsons import encode, reader
from turnout.base.multipart import FormPart, write_form
from turnout.contracts.provider import Outgoing
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL, Choice, Completion
from turnout.domain.errand import SpeechRequest, TranscriptionRequest
from turnout.domain.usage import Units, Usage
from turnout.providers.errands.base import Errand, as_form, milliseconds, read_or_refuse, read_usage
from turnout.providers.failures import nonsense, refuse_error

__all__ = ["Speech", "Transcription"]

_KEPT: Final = ("task", "language", "duration", "segments", "words")
_NEEDS_A_VOICE: Final = re.compile(r"(?:^|/)(?:tts-1|gpt-)")
_USUAL_VOICE: Final = "alloy"


class _Answer(Struct):
    text: str | None = None
    task: Raw = NULL
    language: Raw = NULL
    duration: Raw = NULL
    segments: Raw = NULL
    words: Raw = NULL
    usage: Raw = NULL
    error: Raw = NULL


_read_answer = reader(_Answer)
_any = reader(object)


@final
class Transcription(Errand):
    """One provider that writes down what is said."""

    path = "/audio/transcriptions"

    def outgoing(self, request: TranscriptionRequest, endpoint: Endpoint) -> Outgoing:
        """The recording and its settings as a form."""
        recording = request.recording
        parts = [FormPart("model", endpoint.upstream_model.encode())]
        parts += [FormPart(name, value.encode()) for name, value in request.settings]
        parts.append(FormPart("file", recording.content, recording.file, recording.media_type))
        media_type, body = write_form(parts)
        return Outgoing(as_form(self.site.head(endpoint.upstream_model, self.path), media_type), body)

    def completion(self, body: bytes) -> Completion:
        """What was said. Raises UpstreamError: the body is no answer, or carries an error."""
        answer: _Answer = read_or_refuse(_read_answer, body)
        refuse_error(answer.error)
        if answer.text is None:
            raise nonsense()
        message = {"text": Raw(encode(answer.text))}
        for name in _KEPT:
            value: Raw = getattr(answer, name)
            if value is not NULL and bytes(value) != b"null":
                message[name] = value
        usage = read_usage(answer.usage)
        heard = milliseconds(_number(answer.duration))
        if heard is not None and (usage is None or usage.units is None):
            usage = replace(usage or Usage(), units=Units(sound_ms=heard))
        return Completion([Choice(message)], usage)


@final
class Speech(Errand):
    """One provider that speaks. Its answers are sound from the first byte on: nothing of them is read."""

    path = "/audio/speech"

    def outgoing(self, request: SpeechRequest, endpoint: Endpoint) -> Outgoing:
        """The text and how it shall sound."""
        fields: dict[str, Any] = {"response_format": request.form}
        if "voice" not in request.fields and _NEEDS_A_VOICE.search(endpoint.upstream_model):
            fields["voice"] = _USUAL_VOICE
        return self.letter(request, endpoint, fields, retold=frozenset({"stream_format"}))

    def completion(self, body: bytes) -> Completion:  # noqa: ARG002 - of one shape
        """Nothing is read of it."""
        raise nonsense()


def _number(raw: Raw) -> object:
    """A duration, which some write as a text."""
    value = _any(raw)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value
