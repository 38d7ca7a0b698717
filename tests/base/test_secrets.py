from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from turnout.base.secrets import Secret

TEXT = "sk-canary-0123456789"


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(TEXT)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s %r" % (secret, secret)]  # noqa: UP031 - one of the ways in which texts are made
    shown += [str([secret]), str({"key": secret}), str((secret,)), repr(secret.reveal)]
    assert not any(TEXT in text for text in shown)


def test_only_reveal_gives_the_text() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_a_secret_is_not_written_to_json_or_pickled() -> None:
    with pytest.raises(TypeError):
        json.dumps({"key": Secret(TEXT)})
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TEXT))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(TEXT))


def test_a_traceback_over_a_secret_does_not_show_it() -> None:
    secret = Secret(TEXT)
    with pytest.raises(ValueError, match=r"\*") as caught:
        _complain(secret)
    assert TEXT not in "".join(traceback.format_exception(caught.value))


def _complain(secret: Secret) -> None:
    raise ValueError(secret)


def test_secrets_compare_by_their_text_and_never_with_texts() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT), Secret("other")}) == 2


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(TEXT)
