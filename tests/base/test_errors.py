from __future__ import annotations

import pytest

from turnout.base import errors
from turnout.base.errors import Internal, NoEndpoints, TurnoutError, UpstreamError

CLASSES = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_public_error_is_of_the_one_tree_and_has_a_type(kind: type[TurnoutError]) -> None:
    assert issubclass(kind, TurnoutError)
    assert kind.error_type


def test_the_drawing_at_the_top_shows_every_error() -> None:
    drawing = errors.__doc__ or ""
    assert all(kind.__name__ in drawing for kind in CLASSES)


def test_an_error_keeps_what_the_client_may_read() -> None:
    error = NoEndpoints("nowhere", availability={"code": "no_endpoints"}, metadata={"a": 1}, retry_after=3)
    assert (error.message, str(error), error.retry_after) == ("nowhere", "nowhere", 3)
    assert error.availability == {"code": "no_endpoints"}
    assert error.metadata == {"a": 1}


def test_a_type_of_its_own_does_not_change_its_class() -> None:
    error = UpstreamError("late", error_type="timeout")
    assert error.error_type == "timeout"
    assert UpstreamError("down").error_type == "provider_unavailable"


def test_metadata_is_not_shared_between_errors() -> None:
    given = {"a": 1}
    first, second = NoEndpoints("x", metadata=given), NoEndpoints("y", metadata=given)
    first.metadata["b"] = 2
    assert second.metadata == given == {"a": 1}


def test_an_upstream_failure_is_taken_for_transient_and_unbilled_unless_said_otherwise() -> None:
    error = UpstreamError("down")
    assert (error.elsewhere, error.health, error.may_be_billed, error.upstream_status) == (
        "endpoint",
        "error",
        False,
        None,
    )


def test_a_mistake_of_ours_says_nothing() -> None:
    assert Internal().message == "Internal server error"
