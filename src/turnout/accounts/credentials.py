"""Credentials of providers that accounts bring themselves: what may be said of them, and those in use."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from turnout.accounts.standing import date, workspace_of
from turnout.accounts.vault import NoMasterKey, Vault
from turnout.accounts.writes import read_line, read_optional_line
from turnout.base.errors import BadRequest
from turnout.base.secrets import Secret
from turnout.contracts.credentials import Credentials
from turnout.domain.credential import Credential, OwnCredential

__all__ = [
    "CREDENTIAL_FIELDS",
    "NEW_CREDENTIAL_FIELDS",
    "CredentialBook",
    "changed_credential",
    "credential_report",
    "label_of",
    "read_secret",
]

_MOST_NAMES: Final = 100
_LONGEST_NAME: Final = 256
_LONGEST_SECRET: Final = 16_384
_HASH: Final = re.compile(r"[a-f0-9]{64}")
_SHOWN: Final = 4
_LEAST_HIDDEN: Final = 12
_NAMES: Final = {
    "is_fallback": "fallback",
    "is_required": "required",
    "is_byok_only": "byok_only",
    "allowed_models": "models",
    "allowed_api_key_hashes": "key_hashes",
    "allowed_user_ids": "user_ids",
}
_ISSUERS: Final = {
    "token_uri": frozenset({"https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token"}),
    "authority": frozenset({
        "https://login.microsoftonline.com", "https://login.microsoftonline.us", "https://login.chinacloudapi.cn",
    }),
}  # fmt: skip
"""Where a credential may be exchanged for tokens: nobody chooses an address that we call."""
_PLACES: Final = frozenset({"region", "project", "location", "api_version"})
_PLACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_TEXTS: Final = frozenset({"api_key", "access_key_id", "secret_access_key", "session_token"})
_log = logging.getLogger(__name__)


@final
class CredentialBook:
    """The credentials in use, by account, each with its secret: read once, and again when something has changed.

    ``own`` is what requests look at; an account without credentials is not in it.
    """

    def __init__(self, store: Credentials, vault: Vault) -> None:
        self.own: Mapping[str, tuple[OwnCredential, ...]] = {}
        self._store = store
        self._vault = vault
        self._known: dict[str, OwnCredential] = {}
        self._complained: set[str] = set()

    async def load(self) -> None:
        """Read all that are not disabled. One that cannot be opened is reported once, and left out.

        Raises:
            Unavailable: the store cannot be asked.
        """
        known: dict[str, OwnCredential] = {}
        own: dict[str, tuple[OwnCredential, ...]] = {}
        for row in await self._store.credentials():
            if row.disabled or (found := self._opened(row)) is None:
                continue
            known[row.id] = found
            own[row.account_id] = (*own.get(row.account_id, ()), found)
        self._known, self.own = known, own

    def _opened(self, row: Credential) -> OwnCredential | None:
        before = self._known.get(row.id)
        if before is not None and before.credential == row:
            return before
        try:
            return OwnCredential(row, self._vault.open(row.sealed, row.place))
        except NoMasterKey as error:
            if row.id not in self._complained:
                self._complained.add(row.id)
                _log.error("the credential %s of provider %s cannot be used. %s", row.id, row.provider, error.message)
            return None


def changed_credential(credential: Credential, values: Mapping[str, Any], now: float) -> Credential:
    """*credential* with what *values* of :data:`CREDENTIAL_FIELDS`, but for its secret, say.

    Raises:
        BadRequest: it would be a fallback and the only way at once.
    """
    changes = {_NAMES.get(name, name): value for name, value in values.items() if name not in _IGNORED}
    changed = replace(credential, updated=now, **changes)
    if changed.fallback and changed.byok_only:
        raise BadRequest("`is_byok_only` and `is_fallback` exclude each other")
    return changed


def credential_report(credential: Credential, *, readable: bool | None = None) -> dict[str, Any]:
    """An entry of ``GET /byok``; nothing of the secret but its label. Source: OpenRouter, "List BYOK credentials".

    ``readable`` is ours: whether its master key is here.
    """
    shown = {} if readable is None else {"readable": readable}
    return {
        "id": credential.id,
        "provider": credential.provider,
        "name": credential.name,
        "label": credential.label,
        "disabled": credential.disabled,
        "is_fallback": credential.fallback,
        "is_required": credential.required,
        "is_byok_only": credential.byok_only,
        "declared_region": None,
        "declared_zdr": None,
        "allowed_models": credential.models,
        "allowed_api_key_hashes": credential.key_hashes,
        "allowed_user_ids": credential.user_ids,
        "sort_order": credential.sort_order,
        "workspace_id": workspace_of(credential.account_id),
        "created_at": date(credential.created),
    } | shown


def label_of(secret: Secret) -> str:
    """The last four characters, of a secret that is long enough to have some to spare."""
    text = secret.reveal().strip()
    shown = text[-_SHOWN:] if len(text) >= _LEAST_HIDDEN and not text.startswith("{") else ""
    return f"****{shown}" if shown.isascii() and shown.isalnum() else "****"


def read_secret(secret: Secret) -> dict[str, str]:
    """What *secret* says, by the names of a provider's settings: a JSON object of those, or the credential itself.

    Raises:
        BadRequest: it names an address or a place that nobody but the operator may choose.
    """
    text = secret.reveal()
    if not text.lstrip().startswith("{"):
        return {"api_key": text.strip()}
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise BadRequest("`key` begins like JSON and is none") from None
    for name, allowed in _ISSUERS.items():
        if name in found and str(found[name]).rstrip("/") not in allowed:
            raise BadRequest(f"`key`: `{name}` must be the issuer's own address")
    told = found.keys() & (_PLACES | _TEXTS)
    if not found.keys() & _TEXTS:
        return {"api_key": text}  # a key file, as the dialect reads it
    if told != found.keys() or not all(isinstance(value, str) and value for value in found.values()):
        raise BadRequest(f"`key` as JSON takes texts by the names {', '.join(sorted(_PLACES | _TEXTS))}")
    for name in told & _PLACES:
        if not _PLACE.fullmatch(found[name]):
            raise BadRequest(f"`key`: `{name}` is no such name")
    return found


def _secret(raw: Raw) -> Secret:
    text = msgspec.json.decode(raw, type=str)
    if not text.strip() or len(text) > _LONGEST_SECRET or not text.isprintable():
        raise ValueError(f"must be a line of 1 to {_LONGEST_SECRET} characters")
    secret = Secret(text)
    read_secret(secret)
    return secret


def _switch(raw: Raw) -> bool:
    return msgspec.json.decode(raw, type=bool)


def _names(raw: Raw) -> tuple[str, ...] | None:
    names = msgspec.json.decode(raw, type=list[str] | None)
    if names is None:
        return None
    if not names:
        raise ValueError("must not be empty: that would allow nothing; null allows everything")
    if len(names) > _MOST_NAMES or any(not 1 <= len(name) <= _LONGEST_NAME for name in names):
        raise ValueError(f"must be at most {_MOST_NAMES} names")
    return tuple(dict.fromkeys(names))


def _hashes(raw: Raw) -> tuple[str, ...] | None:
    names = _names(raw)
    if names is not None and not all(_HASH.fullmatch(name) for name in names):
        raise ValueError("must be hashes of keys: 64 hexadecimal digits")
    return names


def _number(raw: Raw) -> int:
    number = msgspec.json.decode(raw, type=int)
    if abs(number) > 10**6:
        raise ValueError("must be a small whole number")
    return number


def _undeclared(raw: Raw) -> None:
    if bytes(raw).strip() != b"null":
        raise ValueError("is not kept here: policies are declared by the operator; leave it out")


_IGNORED: Final = frozenset({"key", "declared_region", "declared_zdr"})

CREDENTIAL_FIELDS: Final[Mapping[str, Callable[[Raw], object]]] = {
    "key": _secret,
    "name": read_optional_line,
    "disabled": _switch,
    "is_fallback": _switch,
    "is_required": _switch,
    "is_byok_only": _switch,
    "allowed_models": _names,
    "allowed_api_key_hashes": _hashes,
    "allowed_user_ids": _names,
    "sort_order": _number,
    "declared_region": _undeclared,
    "declared_zdr": _undeclared,
}
"""What ``PATCH /byok/{id}`` may change."""

NEW_CREDENTIAL_FIELDS: Final[Mapping[str, Callable[[Raw], object]]] = {
    **CREDENTIAL_FIELDS,
    "provider": read_line,
    "workspace_id": read_optional_line,
}
"""What ``POST /byok`` may say."""
