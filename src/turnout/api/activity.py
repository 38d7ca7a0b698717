"""``GET /activity``: what was used, by day and whatever else is asked, as JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, final, get_args

from fastapi import FastAPI, Request, Response
from msgspec.structs import replace

from turnout.accounts.standing import workspace_of
from turnout.api.office import Manager, Office, Routes, json_reply, parameters
from turnout.base.errors import BadRequest
from turnout.base.money import dollars, json_number
from turnout.domain.activity import ActivityQuery, ActivitySum, Dimension

__all__ = ["add_activity"]

_DAYS: Final = 30
_MOST_DAYS: Final = 366
_EPOCH: Final = date(1970, 1, 1)
_USUAL: Final[tuple[Dimension, ...]] = ("day", "model", "provider")
_DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
_NAMES: Final[Mapping[str, Dimension]] = {name: name for name in _DIMENSIONS} | {"date": "day"}
_WORKSPACE: Final = "workspace"
_TAG: Final = "tag"
_FORMULA: Final = frozenset("=+-@\t\r")
_FIGURES: Final = (
    "requests", "failed", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "cost",
)  # fmt: skip
_PARAMETERS: Final = (
    "date", "from", "to", "model", "provider", "api_key_hash", "user_id", "group_by", "workspace_id", "account_id",
    "format",
)  # fmt: skip


def add_activity(app: FastAPI, mount: str, office: Office, *, hidden: bool) -> None:
    """Add the route under *mount*."""
    desk = _Activity(office)
    Routes(app, mount, "activity", hidden=hidden).add("GET", "/activity", desk.activity, parameters(*_PARAMETERS))


@final
class _Activity:
    """The route's own function."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def activity(self, request: Request) -> Response:
        """Requests, tokens and dollars of the last 30 completed days (UTC), for each model and provider.

        `date` picks one of these days; `from` and `to` any other days, both included, today too. `group_by` lists by
        what to part the sums: `day`, `model`, `provider`, `key`, `user`; or `tag`, with which use counts for each
        tag that its key has now. `format=csv` gives a table.
        """
        manager = await self._office.manager(request)
        query = request.query_params
        by, extra = _parted(query.get("group_by", ""))
        first, last = _days(query, self._office.clock.wall())
        workspace = workspace_of(manager.about.id)
        items: list[dict[str, Any]] = []
        if query.get("workspace_id") in {None, "", workspace}:
            wanted = ActivityQuery(
                account_id=manager.about.id,
                first=first,
                last=last,
                by=by,
                key_hash=query.get("api_key_hash", query.get("key")),
                model=query.get("model"),
                provider=query.get("provider"),
                user=query.get("user_id", query.get("user")),
            )
            items = await self._items(wanted, manager, tags=_TAG in extra)
        if _WORKSPACE in extra:
            items = [item | {"workspace_id": workspace} for item in items]
        form = query.get("format", "")
        if form not in {"", "json", "csv"}:
            raise BadRequest("`format` must be json or csv")
        if form == "csv" or (not form and _prefers_csv(request.headers.get("accept", ""))):
            return _table(items)
        return json_reply({"data": items})

    async def _items(self, wanted: ActivityQuery, manager: Manager, *, tags: bool) -> list[dict[str, Any]]:
        if not tags and "key" not in wanted.by:
            return [self._item(one, {}) for one in await self._office.store.activity(wanted)]
        keys = await self._office.store.keys(manager.about.id)
        labels = {key.hash: key.name for key in keys}
        if not tags:
            return [self._item(one, labels) for one in await self._office.store.activity(wanted)]
        parted = replace(wanted, by=tuple(dict.fromkeys([*wanted.by, "key"])))
        tagged = {key.hash: key.rules.tags for key in keys}
        by_tag = _by_tag(await self._office.store.activity(parted), tagged, keyed="key" in wanted.by)
        return [self._item(one, labels) | {"tag": tag} for tag, one in by_tag]

    def _item(self, one: ActivitySum, labels: Mapping[str, str]) -> dict[str, Any]:
        """Source: OpenRouter, "Get user activity"; what is ours comes last. Tiers of a provider stand together."""
        model, provider = one.model or "", one.provider or ""
        parts: dict[str, Any] = {}
        if one.day is not None:
            parts["date"] = (_EPOCH + timedelta(days=one.day)).isoformat()
        if one.model is not None:
            parts |= {"model": model, "model_permaslug": self._office.canonical(model)}
        if one.provider is not None:
            parts |= {"provider_name": self._office.provider_name(provider) if provider else "", "provider": provider}
        if one.model is not None and one.provider is not None:
            parts["endpoint_id"] = f"{model}|{provider}"
        if one.key is not None:
            parts |= {"api_key_hash": one.key, "api_key_name": labels.get(one.key)}
        if one.user is not None:
            parts["user"] = one.user
        return parts | {
            "usage": json_number(one.cost),
            "byok_usage_inference": 0,
            "requests": one.requests,
            "prompt_tokens": one.prompt_tokens,
            "completion_tokens": one.completion_tokens,
            "reasoning_tokens": one.reasoning_tokens,
            "cached_tokens": one.cached_tokens,
            "failed": one.failed,
            "cost": dollars(one.cost),
        }


def _parted(text: str) -> tuple[tuple[Dimension, ...], frozenset[str]]:
    """By what the sums are parted, and which of workspace and tags are to be told beside."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    extra = frozenset(names) & {_WORKSPACE, _TAG}
    names = [name for name in names if name not in extra]
    for name in names:
        if name not in _NAMES:
            raise BadRequest(f"`group_by` must be of {', '.join(_DIMENSIONS)}, {_TAG}, {_WORKSPACE}")
    asked = {_NAMES[name] for name in names}
    by = tuple(one for one in _DIMENSIONS if one in asked)
    return by or (() if _TAG in extra else _USUAL), extra


def _by_tag(
    sums: Sequence[ActivitySum], tagged: Mapping[str, Sequence[str]], *, keyed: bool
) -> list[tuple[str, ActivitySum]]:
    """*sums* parted by keys as sums parted by their tags, in the same order; use of a key without any has none."""
    found: dict[tuple[str, tuple[object, ...]], ActivitySum] = {}
    for one in sums:
        for tag in tagged.get(one.key or "") or ("",):
            shown = one if keyed else replace(one, key=None)
            place = (tag, (shown.day, shown.model, shown.provider, shown.key, shown.user))
            kept = found.get(place)
            added = {} if kept is None else {name: getattr(kept, name) + getattr(shown, name) for name in _FIGURES}
            found[place] = replace(shown, **added)
    return [(tag, one) for (tag, _), one in found.items()]


def _days(query: Mapping[str, str], now: float) -> tuple[int, int]:
    """The first and the last day that is asked for, since 1970."""
    today = (datetime.fromtimestamp(now, UTC).date() - _EPOCH).days
    first, last = today - _DAYS, today - 1
    if query.get("date"):
        if query.get("from") or query.get("to"):
            raise BadRequest("`date` is one day; leave out `from` and `to`")
        day = _day(query["date"], "date")
        if not first <= day <= last:
            raise BadRequest(f"`date` must be one of the last {_DAYS} completed days (UTC)")
        return day, day
    if query.get("to"):
        last = _day(query["to"], "to")
        first = last - _DAYS + 1
    if query.get("from"):
        first = _day(query["from"], "from")
        last = last if query.get("to") else today
    if not 0 <= last - first < _MOST_DAYS:
        raise BadRequest(f"`from` must not be after `to`, and not more than {_MOST_DAYS} days before it")
    return first, last


def _day(text: str, name: str) -> int:
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        raise BadRequest(f"`{name}` must be a date such as 2026-01-31") from None


def _prefers_csv(accept: str) -> bool:
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    return "text/csv" in kinds and "application/json" not in kinds


def _table(items: Sequence[Mapping[str, Any]]) -> Response:
    """A table with a heading. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    if items:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(items[0])
        for item in items:  # all have the same names
            writer.writerow(
                [f"'{one}" if isinstance(one, str) and one[:1] in _FORMULA else one for one in item.values()]
            )
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="activity.csv"'}
    return Response(text.getvalue(), 200, headers, "text/csv; charset=utf-8")
