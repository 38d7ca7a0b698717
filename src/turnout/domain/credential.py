"""A provider's credential that an account has brought itself."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from turnout.base.secrets import Secret

__all__ = ["Credential", "OwnCredential", "Verdict"]


class Credential(Struct, frozen=True, kw_only=True):
    """A credential as it is stored: ``sealed`` opens with a master key alone, ``label`` is what people see of it.

    Those with ``fallback`` are tried after the gateway's own endpoints, the others before them, each in the order of
    ``sort_order``. ``required``: for the models that it serves, the gateway's own endpoints of the provider are out;
    ``byok_only``: for all models. None in ``models`` (slugs), ``key_hashes`` and ``user_ids`` allows all. Times in unix
    seconds.
    """

    id: str
    account_id: str
    provider: str
    label: str
    sealed: bytes
    created: float
    updated: float
    name: str | None = None
    disabled: bool = False
    fallback: bool = False
    required: bool = False
    byok_only: bool = False
    sort_order: int = 0
    models: tuple[str, ...] | None = None
    key_hashes: tuple[str, ...] | None = None
    user_ids: tuple[str, ...] | None = None

    @property
    def place(self) -> bytes:
        """What ``sealed`` is bound to: put into another row, it does not open."""
        return f"{self.id}|{self.account_id}".encode()


class OwnCredential(Struct, frozen=True, eq=False):
    """A credential in use, with its secret: the same object as long as it says the same."""

    credential: Credential
    secret: Secret


class Verdict(NamedTuple):
    """Whether a provider takes a credential; ``ok`` is None where that cannot be known."""

    ok: bool | None
    message: str
