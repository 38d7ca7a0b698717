"""The kinds of value that a configuration key may hold, each with its check."""

import re
from datetime import UTC, date, datetime
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from turnout.base.limits import MAX_TOKENS
from turnout.base.money import InvalidPrice, parse_price
from turnout.base.secrets import Secret
from turnout.base.slugs import InvalidModelName, parse_model_name

__all__ = [
    "Created",
    "Directory",
    "HeaderName",
    "Host",
    "HostAndPort",
    "HttpUrl",
    "InputModality",
    "Interval",
    "ModelAlias",
    "ModelId",
    "OutputModality",
    "Port",
    "Price",
    "Prose",
    "Quantization",
    "Score",
    "Seconds",
    "SecretKeys",
    "SecretText",
    "SecretUrl",
    "SharedUrl",
    "Slug",
    "StoreUrl",
    "Switch",
    "Tag",
    "Text",
    "Tokens",
    "Weight",
    "Whole",
    "Word",
    "seconds_of_interval",
]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_KEY_DIGITS = re.compile(r"[0-9a-fA-F]{64}")
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63})*", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}", re.ASCII)
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[A-Fa-f0-9:.]{2,45}\]):([1-9][0-9]{0,4})", re.ASCII)
_URL_TEXT = re.compile(r"[!-~]{1,2048}", re.ASCII)
_INTERVAL = re.compile(r"([1-9]\d{0,5})([smhd])", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OWN_HEADERS: Final = frozenset(
    {"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_PORT: Final = 65_535
_LATEST_CREATED: Final = 253_402_300_799
"""The last second of the year 9999."""


def _line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must not hold line breaks or control characters")
    return text


def _lines(text: str) -> str:
    if _CONTROL_BUT_LINES.search(text):
        raise ValueError("must not hold control characters")
    return text


def _integer_of_text(value: object) -> object:
    # Environment variables are text; a number in quotes is taken as the number.
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


def _number_of_text(value: object) -> object:
    return float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value


def _truth_of_text(value: object) -> object:
    return _TRUTH.get(value.lower(), value) if isinstance(value, str) else value


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError("must be a slug of lower-case letters, digits, dots, hyphens, underscores")
    return text


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise ValueError("must be the provider's slug, or slug/variant, slug/region, slug/tier")
    return text


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("must be one word of letters, digits, dots, hyphens and underscores, at most 128")
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("must be a host name or an address, without scheme and port")
    return text


def _host_and_port(text: str) -> str:
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None or int(found[2]) > _MAX_PORT:
        raise ValueError("must be host:port, without a scheme")
    host = found[1].lower()
    if host[0] == "[":
        try:
            host = f"[{IPv6Address(host[1:-1])}]"
        except AddressValueError:
            raise ValueError("must be host:port, without a scheme") from None
    return f"{host}:{found[2]}"


def _directory(value: object) -> object:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("must be the path of a directory")
    return Path(_line(value))


def _model_name(text: str, *, alias: bool) -> str:
    try:
        name = parse_model_name(text)
    except InvalidModelName:
        raise ValueError("must be author/slug") from None
    if name.preset is not None or name.base.count("/") != 1 or (name.base.startswith("~") and not alias):
        raise ValueError("must be author/slug")
    if name.virtual:
        raise ValueError(f"must not end with :{name.virtual[0]}, which only changes routing")
    return text


def _model_id(text: str) -> str:
    return _model_name(text, alias=False)


def _model_alias(text: str) -> str:
    return _model_name(text, alias=True)


def _split_url(text: str, schemes: tuple[str, ...]) -> None:
    """Refuse *text* unless it is scheme://host[:port][/path] in plain ASCII; the text itself is never quoted."""
    complaint = f"must be a URL with {' or '.join(schemes)}"
    if not _URL_TEXT.fullmatch(text):
        raise ValueError(complaint)
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it is the check of its range
    except ValueError:
        raise ValueError(complaint) from None
    if parts.scheme not in schemes or not text[len(parts.scheme) :].startswith("://"):
        raise ValueError(complaint)
    if not parts.hostname:
        raise ValueError(f"{complaint}, and needs a host")


def _http_url(text: str) -> str:
    _split_url(text, ("http", "https"))
    if "@" in urlsplit(text).netloc:
        raise ValueError("must not hold a user name or password; credentials have keys of their own")
    if "?" in text or "#" in text or "\\" in text:
        raise ValueError("must be a plain URL without ?, # and backslash")
    return text.rstrip("/")


def _secret_keys(value: Secret) -> Secret:
    if not all(_KEY_DIGITS.fullmatch(key.strip()) for key in value.reveal().split(",")):
        raise ValueError("must be 64 hexadecimal digits, as `openssl rand -hex 32` prints them, or several with commas")
    return value


def _secret_url(secret: Secret) -> Secret:
    _split_url(secret.reveal(), ("http", "https"))
    return secret


def _store_url(text: str) -> str:
    if text != "sqlite":
        try:
            _split_url(text, ("postgresql",))
        except ValueError:
            raise ValueError("must be sqlite or postgresql://user@host/database") from None
    return text


def _shared_url(text: str) -> str:
    if text:
        try:
            _split_url(text, ("redis", "rediss", "valkey", "valkeys"))
        except ValueError:
            raise ValueError("must be empty, redis://host:port/number or valkey://host:port/number") from None
    return text


def _interval(text: str) -> str:
    if text != "never" and not _INTERVAL.fullmatch(text):
        raise ValueError('must be a number with s, m, h or d, such as "6h", or "never"')
    return text


def seconds_of_interval(text: str) -> int | None:
    """Seconds of a checked interval such as ``"6h"``; None for ``"never"``."""
    match = _INTERVAL.fullmatch(text)
    return int(match[1]) * _UNIT_SECONDS[match[2]] if match else None


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError("is not the name of a header")
    if text.lower() in _OWN_HEADERS:
        raise ValueError("is a header that Turnout sets itself")
    return text


def _price(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('must be a string in quotes, such as "0.000001": prices are exact decimals')  # noqa: TRY004 - pydantic collects ValueError only
    try:
        parse_price(value)
    except InvalidPrice as error:
        # The text after the colon repeats the value, which may come from a variable that holds something else.
        reason = str(error).partition(":")[0]
        raise ValueError(f'{reason}; a price is a decimal of at least 0, such as "0.000001"') from None
    return value


def _created(value: object) -> object:
    """Unix seconds of a date (midnight UTC), a date with time and offset, their ISO texts, or seconds."""
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        try:
            value = datetime.fromisoformat(value) if len(value) > len("2026-01-31") else date.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date or unix seconds") from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs its offset from UTC, such as 2026-01-31T00:00:00Z")
        return int(value.timestamp())
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return _integer_of_text(value)


class _SecretHook:
    """Lets pydantic make a Secret of a string, and keeps its text out of dumps and the schema."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._check,
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "writeOnly": True}

    @staticmethod
    def _check(value: object) -> Secret:
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):
            raise ValueError("must be a string")  # noqa: TRY004 - pydantic collects ValueError only
        if not text:
            raise ValueError("must not be empty")
        if not _HEADER_VALUE.fullmatch(text):
            raise ValueError("must not hold line breaks, control characters or letters beyond Latin-1")
        return Secret(text)


Text = Annotated[str, Field(strict=True, min_length=1, max_length=4096), AfterValidator(_line)]
"""One line."""
Prose = Annotated[str, Field(strict=True, max_length=65536), AfterValidator(_lines)]
"""Any number of lines."""
Word = Annotated[str, Field(strict=True), AfterValidator(_word)]
Slug = Annotated[str, Field(strict=True), AfterValidator(_slug)]
Tag = Annotated[str, Field(strict=True), AfterValidator(_tag)]
ModelId = Annotated[str, Field(strict=True), AfterValidator(_model_id)]
ModelAlias = Annotated[str, Field(strict=True), AfterValidator(_model_alias)]
Host = Annotated[str, Field(strict=True), AfterValidator(_host)]
HostAndPort = Annotated[str, Field(strict=True), AfterValidator(_host_and_port)]
"""Lower-case; an IPv6 address in brackets, in its shortest form."""
Directory = Annotated[Path, BeforeValidator(_directory), WithJsonSchema({"type": "string", "minLength": 1})]
HttpUrl = Annotated[str, Field(strict=True), AfterValidator(_http_url)]
StoreUrl = Annotated[str, Field(strict=True, repr=False), AfterValidator(_store_url)]
"""May hold a password, so it is left out of ``repr``."""
SharedUrl = Annotated[str, Field(strict=True, repr=False), AfterValidator(_shared_url)]
"""May hold a password, so it is left out of ``repr``."""
Interval = Annotated[str, Field(strict=True), AfterValidator(_interval)]
Switch = Annotated[bool, Field(strict=True), BeforeValidator(_truth_of_text)]
Whole = Annotated[int, Field(strict=True, ge=1, le=2**40), BeforeValidator(_integer_of_text)]
Weight = Annotated[int, Field(strict=True, ge=0, le=10**9), BeforeValidator(_integer_of_text)]
"""How much something counts in an average."""
Port = Annotated[int, Field(strict=True, ge=0, le=65535), BeforeValidator(_integer_of_text)]
Tokens = Annotated[int, Field(strict=True, ge=1, le=MAX_TOKENS), BeforeValidator(_integer_of_text)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=86400, allow_inf_nan=False), BeforeValidator(_number_of_text)]
"""Positive seconds, at most a day."""
Score = Annotated[float, Field(strict=True, allow_inf_nan=False), BeforeValidator(_number_of_text)]
Created = Annotated[
    int,
    Field(strict=True, ge=0, le=_LATEST_CREATED),
    BeforeValidator(_created),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
]
"""Unix seconds; the file may give a date instead."""
Price = Annotated[str, BeforeValidator(_price)]
"""US dollars per unit as an exact decimal text; ``turnout.base.money.parse_price`` reads it."""
HeaderName = Annotated[str, Field(strict=True), AfterValidator(_header_name)]
SecretText = Annotated[Secret, _SecretHook]
SecretKeys = Annotated[Secret, _SecretHook, AfterValidator(_secret_keys)]
SecretUrl = Annotated[Secret, _SecretHook, AfterValidator(_secret_url)]
"""An address whose path may be a password."""

InputModality = Literal["text", "image", "file", "audio", "video"]
OutputModality = Literal["text", "image", "embeddings", "audio", "video", "rerank", "speech", "transcription"]
Quantization = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown"
]  # fmt: skip
