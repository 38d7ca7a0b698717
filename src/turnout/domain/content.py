"""What was said in a generation, as it is kept for a key that wants it."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Content"]


class Content(Struct, frozen=True, kw_only=True):
    """A prompt and its answer. ``sealed`` opens with a master key alone; ``created`` in unix seconds."""

    generation_id: str
    account_id: str
    key_hash: str
    created: float
    sealed: bytes

    @property
    def place(self) -> bytes:
        """What ``sealed`` is bound to: put into another row, it does not open."""
        return f"content|{self.generation_id}|{self.account_id}".encode()
