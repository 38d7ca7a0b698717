"""What has happened to a model of the catalog between two snapshots, for feeds and for people."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["CatalogEvent"]


class CatalogEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of one model.

    Attributes:
        kind: ``new`` and ``retired`` are of the model as a whole, ``price`` of one price of its cheapest endpoint,
            ``changed`` of another fact.
        model_id: ``author/slug``.
        at: unix seconds of the swap that brought it.
        text: one sentence, plain text, not escaped: "The prompt price of x/y fell from 2 to 1 dollars a million".
        name: the model's display name at that time.
        subject: which fact changed: ``prompt``, ``completion``, ``context_length`` …; empty for new and retired.
        before: the old value, empty for none; prices in dollars per unit as the shortest exact decimal.
        after: the new value, as above.
    """

    kind: Literal["new", "price", "retired", "changed"]
    model_id: str
    at: float
    text: str
    name: str = ""
    subject: str = ""
    before: str = ""
    after: str = ""
