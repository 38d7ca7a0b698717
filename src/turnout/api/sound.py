"""``POST /audio/transcriptions`` and ``POST /audio/speech``."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Any, Final, Literal, final

from msgspec import Meta, Raw, Struct

from turnout.api.decode import read_fields
from turnout.api.errands import Asked, ErrandEncoder, ErrandSurface, dollars_of, messages_of, parameters_of, read_asked
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.base.multipart import BadForm, FormPart, read_form
from turnout.domain.completion import Completion
from turnout.domain.errand import Recording, SpeechRequest, TranscriptionRequest
from turnout.domain.usage import Cost, Units, Usage

__all__ = ["SpeechParameters", "SpeechSurface", "TranscriptionParameters", "TranscriptionsSurface"]

_USUAL_RATE: Final = 16_000  # bytes of a second at 128 kbit/s, the usual of compressed sound
_LEAST_RATE: Final = 2_000  # at 16 kbit/s: below that nobody understands a word
_RATES: Final = range(4_000, 4_000_000)  # of sound that is not compressed
_TOKENS_PER_SECOND: Final = 50  # more than any model makes of sound
_LEAST_TEXT: Final = 1_024  # tokens
_TOKENS_PER_CHARACTER: Final = 8  # of speech
_LONGEST_SETTING: Final = 65_536  # bytes
_FORMATS: Final = {
    "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/flac": "flac",
    "audio/ogg": "ogg", "audio/webm": "webm", "video/webm": "webm", "audio/mp4": "m4a", "audio/x-m4a": "m4a",
    "audio/m4a": "m4a", "video/mp4": "mp4", "audio/aac": "aac",
}  # fmt: skip
_MEDIA_TYPES: Final = {"mp3": "audio/mpeg", "m4a": "audio/mp4"}
_LISTS: Final = frozenset({"timestamp_granularities"})
_OWN: Final = frozenset({"file", "input_audio", "model", "provider", "user", "session_id", "messages"})


class _InputAudio(Struct):
    data: str
    format: Annotated[str, Meta(pattern="^[A-Za-z0-9]{1,16}$")]


class TranscriptionParameters(Asked, frozen=True, kw_only=True):
    """The fields of a request to write sound down, but for the sound. Source: OpenRouter, "Transcription"; OpenAI,
    "Audio".
    """

    language: Annotated[str, Meta(max_length=64)] | None = None
    prompt: str | None = None
    response_format: Literal["json", "verbose_json"] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    timestamp_granularities: Annotated[list[Literal["word", "segment"]], Meta(max_length=2)] | None = None
    stream: Literal[False] | None = None


class SpeechParameters(Asked, frozen=True, kw_only=True):
    """The fields of a request to speak a text. Source: OpenRouter, "Speech"; OpenAI, "Audio"."""

    input: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    voice: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    response_format: Literal["mp3", "pcm", "wav", "opus", "aac", "flac"] | None = None
    speed: Annotated[float, Meta(gt=0, le=10)] | None = None
    stream_format: Literal["audio"] | None = None


_read_transcription = reader(TranscriptionParameters)
_read_speech = reader(SpeechParameters)
_read_audio = reader(_InputAudio)
_read_any = reader(object)


@final
class _TranscriptionEncoder(ErrandEncoder):
    """What was said, with what the provider tells beside."""

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body."""
        counted: dict[str, Any] = {
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "cost": dollars_of(price),
        }
        if usage.units is not None and usage.units.sound_ms:
            counted["seconds"] = usage.units.sound_ms / 1000
        return encode(completion.choices[0].message | {"usage": Raw(encode(counted))})


@final
class TranscriptionsSurface(ErrandSurface):
    """Sound written down: as a form with a file, or as JSON with base64."""

    name = "stt"
    encoding = _TranscriptionEncoder

    def decode(self, body: bytes) -> TranscriptionRequest:
        """The request in *body*. Raises BadRequest: it is none, and the message names the field."""
        fields, recording = _from_form(body) if body.startswith(b"--") else (read_fields(body), None)
        given = fields.pop("input_audio", None)  # megabytes, which are read once
        asked = read_asked(fields, _read_transcription)
        if recording is None:
            if given is None:
                raise BadRequest("`input_audio` is missing: send it, or a form with a `file`")
            recording = _recording(given)
        if not recording.content:
            raise BadRequest("The recording is empty")
        usual, most = _duration(recording)
        fields["messages"] = Raw(b"[]")
        length = len(asked.prompt or "")
        return TranscriptionRequest(
            parameters_of(asked),
            fields,
            length,
            units=Units(sound_ms=usual),
            most_units=Units(sound_ms=most),
            most_read=length + most * _TOKENS_PER_SECOND // 1000,
            most_written=_LEAST_TEXT + most * _TOKENS_PER_SECOND // 1000,
            recording=recording,
            settings=tuple(_settings(fields)),
        )


@final
class SpeechSurface(ErrandSurface):
    """A text spoken; the answer is sound."""

    name = "tts"
    encoding = ErrandEncoder

    def decode(self, body: bytes) -> SpeechRequest:
        """The request in *body*. Raises BadRequest: it is none, and the message names the field."""
        fields = read_fields(body)
        asked = read_asked(fields, _read_speech)
        fields["messages"] = messages_of(asked.input)
        length = len(asked.input.encode())
        spoken = Units(characters=len(asked.input))
        slowest = min(asked.speed or 1.0, 1.0)
        return SpeechRequest(
            parameters_of(asked, stream=True),
            fields,
            length,
            units=spoken,
            most_units=Units(characters=len(asked.input), sound_ms=int(len(asked.input) * 250 / slowest) + 1000),
            most_read=length,
            most_written=int(length * _TOKENS_PER_CHARACTER / slowest),
            form=asked.response_format or "pcm",
        )


def _from_form(body: bytes) -> tuple[dict[str, Raw], Recording]:
    """The fields of a form as JSON has them, and the file in it. Raises BadRequest: it is no such form."""
    try:
        parts = read_form(body)
    except BadForm as error:
        raise BadRequest(str(error)) from None
    fields: dict[str, Raw] = {}
    lists: dict[str, list[str]] = {}
    recording: Recording | None = None
    for part in parts:
        name = part.name.removesuffix("[]")
        if part.file is not None:
            if name != "file" or recording is not None:
                raise BadRequest("The form has a file too many: one named `file` is wanted")
            recording = _of_file(part)
            continue
        text = _text(part)
        if name in _LISTS:
            lists.setdefault(name, []).append(text)
        elif name in fields:
            raise BadRequest(f"`{name[:64]}` stands twice in the form")
        else:
            fields[name] = _typed(name, text)
    if recording is None:
        raise BadRequest("`file` is missing")
    return fields | {name: Raw(encode(values)) for name, values in lists.items()}, recording


def _text(part: FormPart) -> str:
    if len(part.content) > _LONGEST_SETTING:
        raise BadRequest(f"`{part.name[:64]}` is too long")
    try:
        return part.content.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"`{part.name[:64]}` is no UTF-8") from None


def _typed(name: str, text: str) -> Raw:
    """A field of a form, where all is text, as JSON has it."""
    if name == "temperature":
        try:
            return Raw(encode(float(text)))
        except ValueError:
            raise BadRequest("`temperature` is no number") from None
    if name == "stream":
        return Raw(encode(text.lower() in {"true", "1"}))
    return Raw(encode(text))


def _of_file(part: FormPart) -> Recording:
    """The file, with an ending by which providers tell its format."""
    ending = (part.file or "").rpartition(".")[2].lower()
    known = ending if ending.isalnum() and len(ending) < 6 and "." in (part.file or "") else ""
    form = known or _FORMATS.get(part.media_type.lower(), "wav")
    return Recording(part.content, f"audio.{form}", _MEDIA_TYPES.get(form, f"audio/{form}"))


def _recording(raw: Raw) -> Recording:
    try:
        given = _read_audio(raw)
    except BadJSON as error:
        raise BadRequest(f"`input_audio`: {error}") from None
    data = given.data.partition(",")[2] if given.data[:5].lower() == "data:" else given.data
    try:
        content = b64decode(data, validate=True)
    except ValueError:
        raise BadRequest("`input_audio.data` is no base64") from None
    form = given.format.lower()
    return Recording(content, f"audio.{form}", _MEDIA_TYPES.get(form, f"audio/{form}"))


def _settings(fields: dict[str, Raw]) -> list[tuple[str, str]]:
    """What the provider gets beside the sound."""
    settings: list[tuple[str, str]] = []
    for name, value in fields.items():
        if name in _OWN:
            continue
        said = _read_any(value)
        if isinstance(said, list):
            settings += [(f"{name}[]", str(one)) for one in said]
        elif said is not None:
            settings.append((name, said if isinstance(said, str) else bytes(value).decode()))
    return settings


def _duration(recording: Recording) -> tuple[int, int]:
    """How long the sound is in milliseconds, and how long it may be: both are the same where its head tells it."""
    content = recording.content
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        rate, size = int.from_bytes(content[28:32], "little"), len(content) - 44
        if content[12:16] == b"fmt " and rate in _RATES and size >= 0:
            exact = -(-size * 1000 // rate)
            return exact, exact
    return -(-len(content) * 1000 // _USUAL_RATE), -(-len(content) * 1000 // _LEAST_RATE)
