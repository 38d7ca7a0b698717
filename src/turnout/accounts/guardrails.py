"""Guardrails: what may be said of one, what is told of it, and what several amount to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from turnout.accounts.standing import date, workspace_of
from turnout.accounts.writes import read_dollars, read_line, read_names, read_reset, read_switch
from turnout.base.errors import BadRequest
from turnout.base.money import json_number
from turnout.base.patterns import read_pattern
from turnout.domain.account import Key
from turnout.domain.guardrail import (
    BUILTINS,
    GROUPS,
    LABELS,
    Action,
    Assignment,
    BuiltinFilter,
    ContentFilter,
    Guard,
    Guardrail,
    Screening,
)

__all__ = [
    "GUARDRAIL_FIELDS",
    "NEW_GUARDRAIL_FIELDS",
    "assignment_report",
    "changed_guardrail",
    "guard_of",
    "guardrail_report",
    "read_subjects",
]

_MOST_FILTERS: Final = 100
_MOST_SUBJECTS: Final = 1_000
_LONGEST_NAME: Final = 200  # characters
_LONGEST_DESCRIPTION: Final = 1_000
_LONGEST_LABEL: Final = 100
_SCANNER: Final = "regex-prompt-injection"
_STRICTNESS: Final[Mapping[Action, int]] = {"flag": 0, "redact": 1, "block": 2}
_ZDR: Final = {f"enforce_zdr_{group}": group for group in GROUPS}
_PLAIN: Final = {
    "name": "name",
    "description": "description",
    "limit_usd": "limit",
    "reset_interval": "reset",
    "include_byok_in_budgets": "include_byok",
    "allowed_models": "allowed_models",
    "ignored_models": "ignored_models",
    "allowed_providers": "allowed_providers",
    "ignored_providers": "ignored_providers",
    "enforce_zdr": "enforce_zdr",
    "enable_paid_model_training": "paid_training",
    "enable_free_model_training": "free_training",
    "enable_free_model_publication": "free_publication",
    "content_filters": "filters",
    "content_filter_builtins": "builtins",
}
"""Fields of the API, and what they are called here."""


class _Builtin(msgspec.Struct, forbid_unknown_fields=True):
    """An entry as clients write it; labels are ours to give."""

    slug: str
    action: Action
    scan_scope: str | None = None
    label: str | None = None


class _Filter(msgspec.Struct, forbid_unknown_fields=True):
    pattern: str
    action: Action
    label: str | None = None


def changed_guardrail(guardrail: Guardrail, values: Mapping[str, Any], now: float | None) -> Guardrail:
    """*guardrail* with what *values* of :data:`GUARDRAIL_FIELDS` say.

    Raises:
        BadRequest: it would have a limit without an interval, or an interval without a limit.
    """
    zdr = guardrail.zdr | {_ZDR[name]: value for name, value in values.items() if name in _ZDR}
    changes = {_PLAIN[name]: value for name, value in values.items() if name in _PLAIN}
    changed = replace(guardrail, updated=now, zdr=zdr, **changes)
    if (changed.limit is None) != (changed.reset is None):
        raise BadRequest("`limit_usd` and `reset_interval` go together: both are set, or neither")
    return changed


def guardrail_report(guardrail: Guardrail) -> dict[str, Any]:
    """An entry of ``GET /guardrails``. Source: OpenRouter, "Guardrails"."""
    shown: dict[str, Any] = {name: getattr(guardrail, ours) for name, ours in _PLAIN.items()}
    return shown | {
        "id": guardrail.id,
        "workspace_id": workspace_of(guardrail.account_id),
        "created_at": date(guardrail.created),
        "updated_at": None if guardrail.updated is None else date(guardrail.updated),
        "limit_usd": None if guardrail.limit is None else json_number(guardrail.limit),
        "content_filter_builtins": None if guardrail.builtins is None else [_shown(one) for one in guardrail.builtins],
        **{
            name: guardrail.enforce_zdr if guardrail.zdr.get(group) is None else guardrail.zdr[group]
            for name, group in _ZDR.items()
        },
    }


def assignment_report(assignment: Assignment, key: Key | None) -> dict[str, Any]:
    """An entry of a list of assignments; *key* is the one that it is of, if it is a key's."""
    shown = {
        "id": assignment.id,
        "guardrail_id": assignment.guardrail_id,
        "assigned_by": assignment.assigned_by,
        "created_at": date(assignment.created),
    }
    if assignment.holder == "member":
        return shown | {"organization_id": assignment.account_id, "user_id": assignment.subject}
    return shown | {
        "key_hash": assignment.subject,
        "key_name": "" if key is None else key.name,
        "key_label": "" if key is None else key.label,
    }


def guard_of(guardrails: Sequence[Guardrail]) -> Guard:
    """What *guardrails*, which all apply, amount to: each has to allow an endpoint, all filters work, and of two that
    look for the same the stricter one. Their budgets are kept apart.
    """
    filters: dict[str, ContentFilter] = {}
    builtins: dict[str, BuiltinFilter] = {}
    for guardrail in guardrails:
        for own in guardrail.filters or ():
            before = filters.get(own.pattern)
            if before is None or _STRICTNESS[own.action] > _STRICTNESS[before.action]:
                filters[own.pattern] = own
        for builtin in guardrail.builtins or ():
            there = builtins.get(builtin.slug)
            builtins[builtin.slug] = builtin if there is None else _stricter(there, builtin)
    screening = None
    if filters or builtins:
        ids = tuple(one.id for one in guardrails if one.filters or one.builtins)
        screening = Screening(ids, tuple(filters.values()), tuple(builtins.values()))
    return Guard(tuple(one.bounds for one in guardrails), screening)


def _stricter(one: BuiltinFilter, other: BuiltinFilter) -> BuiltinFilter:
    scope = None if None in {one.scan_scope, other.scan_scope} else max(one.scan_scope, other.scan_scope, key=_wideness)
    action = max(one.action, other.action, key=lambda action: _STRICTNESS[action])
    return BuiltinFilter(one.slug, action, scope)


def _wideness(scope: str | None) -> bool:
    return scope != "user_only"


def _shown(builtin: BuiltinFilter) -> dict[str, Any]:
    shown = {"slug": builtin.slug, "action": builtin.action, "label": LABELS[builtin.slug]}
    return shown if builtin.scan_scope is None else shown | {"scan_scope": builtin.scan_scope}


def _is_null(raw: Raw) -> bool:
    return bytes(raw).strip() == b"null"


def _or_null(read: Callable[[Raw], object]) -> Callable[[Raw], object]:
    return lambda raw: None if _is_null(raw) else read(raw)


def _name(raw: Raw) -> str:
    text = read_line(raw)
    if len(text) > _LONGEST_NAME:
        raise ValueError(f"must have at most {_LONGEST_NAME} characters")
    return text


def _description(raw: Raw) -> str:
    text = msgspec.json.decode(raw, type=str)
    if len(text) > _LONGEST_DESCRIPTION:
        raise ValueError(f"must have at most {_LONGEST_DESCRIPTION} characters")
    return text


def _limit(raw: Raw) -> object:
    limit = read_dollars(raw)
    if not limit:
        raise ValueError("must be more than 0; `allowed_models` and the like say what is forbidden altogether")
    return limit


def _filters(raw: Raw) -> tuple[ContentFilter, ...]:
    entries = msgspec.json.decode(raw, type=list[_Filter])
    if len(entries) > _MOST_FILTERS:
        raise ValueError(f"must have at most {_MOST_FILTERS} entries")
    for place, one in enumerate(entries):
        try:
            read_pattern(one.pattern)
        except ValueError as error:
            raise ValueError(f"[{place}].pattern {error}") from None
        if one.label is not None and len(one.label) > _LONGEST_LABEL:
            raise ValueError(f"[{place}].label must have at most {_LONGEST_LABEL} characters")
    return tuple(ContentFilter(one.pattern, one.action, one.label) for one in entries)


def _builtins(raw: Raw) -> tuple[BuiltinFilter, ...]:
    entries = msgspec.json.decode(raw, type=list[_Builtin])
    found: dict[str, BuiltinFilter] = {}
    for place, one in enumerate(entries):
        slug = next((name for name in BUILTINS if name == one.slug), None)
        if slug is None:
            raise ValueError(f"[{place}].slug must be one of {', '.join(BUILTINS)}")
        if slug in found:
            raise ValueError(f"[{place}].slug stands twice")
        scope = one.scan_scope
        if scope is not None and (slug != _SCANNER or scope not in {"user_only", "all_messages"}):
            raise ValueError(f"[{place}].scan_scope is for {_SCANNER}, and user_only or all_messages")
        found[slug] = BuiltinFilter(slug, one.action, scope)  # type: ignore[arg-type]  # it is one of the two
    return tuple(found.values())


def read_subjects(raw: Raw) -> tuple[str, ...]:
    """Names of holders: at least one."""
    names = msgspec.json.decode(raw, type=list[str])
    if not 1 <= len(names) <= _MOST_SUBJECTS:
        raise ValueError(f"must have 1 to {_MOST_SUBJECTS} entries")
    return tuple(dict.fromkeys(names))


GUARDRAIL_FIELDS: Final[Mapping[str, Callable[[Raw], object]]] = {
    "name": _name,
    "description": _or_null(_description),
    "limit_usd": _or_null(_limit),
    "reset_interval": _or_null(read_reset),
    "include_byok_in_budgets": read_switch,
    "allowed_models": _or_null(read_names),
    "ignored_models": _or_null(read_names),
    "allowed_providers": _or_null(read_names),
    "ignored_providers": _or_null(read_names),
    "enforce_zdr": _or_null(read_switch),
    **{name: _or_null(read_switch) for name in _ZDR},
    "enable_paid_model_training": _or_null(read_switch),
    "enable_free_model_training": _or_null(read_switch),
    "enable_free_model_publication": _or_null(read_switch),
    "content_filters": _or_null(_filters),
    "content_filter_builtins": _or_null(_builtins),
}
"""What ``PATCH /guardrails/{id}`` may change."""

NEW_GUARDRAIL_FIELDS: Final[Mapping[str, Callable[[Raw], object]]] = {**GUARDRAIL_FIELDS, "workspace_id": read_line}
"""What ``POST /guardrails`` may say."""
assert get_args(Action) == tuple(_STRICTNESS)  # noqa: S101 - each action has its place
