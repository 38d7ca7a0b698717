"""Where credentials of providers are kept, sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from turnout.domain.credential import Credential

__all__ = ["Credentials"]


class Credentials(Protocol):
    """Credentials by id. Every change grows the revision of keys."""

    async def put_credential(self, credential: Credential) -> Credential:
        """Add a credential, as the last of its account and provider; it is returned as it is kept.

        Raises:
            NotFound: there is no such account.
        """

    async def credential(self, credential_id: str) -> Credential | None:
        """The credential of that id."""

    async def credentials(self, account_id: str | None = None) -> Sequence[Credential]:
        """All credentials, or those of one account, by provider and in their order."""

    async def change_credential(
        self, credential_id: str, change: Callable[[Credential], Credential]
    ) -> Credential | None:
        """Put what *change* makes of a credential in its place; None when there is none."""

    async def reseal_credentials(self, reseal: Callable[[Credential], bytes]) -> int:
        """Replace what is sealed of every credential, in one transaction; how many there are.

        What *reseal* raises is raised here, and nothing is changed.
        """

    async def delete_credential(self, credential_id: str) -> bool:
        """Remove a credential and what is sealed of it; False when there is none."""
