"""Forms: what is written is read again, and what is no form is refused with a reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.multipart import MOST_PARTS, BadForm, FormPart, read_form, write_form

_NAMES = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="_-[].%"), min_size=1)
_PARTS = st.builds(
    FormPart, _NAMES, st.binary(max_size=200), st.none() | _NAMES, st.sampled_from(["", "audio/mpeg", "image/png"])
)


@given(st.lists(_PARTS, min_size=1, max_size=5), st.booleans())
def test_a_form_reads_as_it_was_written(parts: list[FormPart], hostile: bool) -> None:  # noqa: FBT001 - drawn
    if hostile:
        parts.append(FormPart("x", b"\r\n--turnout-form-part\r\n--turnout-form-partx--\r\n"))
    media_type, body = write_form(parts)
    assert read_form(body) == parts
    boundary = media_type.partition(b"boundary=")[2]
    assert body.startswith(b"--" + boundary + b"\r\n")
    assert body.endswith(b"--" + boundary + b"--\r\n")


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_damaged_forms_are_read_or_refused_but_break_nothing(noise: bytes, at: int, until: int) -> None:
    _, body = write_form([FormPart("file", b"abc\r\n--d", "a.mp3", "audio/mpeg"), FormPart("model", b"m")])
    with suppress(BadForm):
        assert len(read_form(body[:at] + noise + body[until:])) <= MOST_PARTS


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "begin"),
        (b"{}", "begin"),
        (b"--" + b"b" * 71 + b"\r\n", "begin"),
        (b"--b\r\n", "cut off"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1', "cut off"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b', "inside"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--bc\r\n', "inside"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\nmore', "follows"),
        (b"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--\r\n", "no part of a form"),
        (b'--b\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--b--\r\n', "no part of a form"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", "no name"),
        (b'--b\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\n1\r\n--b--\r\n', "no sense"),
        (b'--b\r\nContent-Disposition: form-data; name="a\r\n\r\n1\r\n--b--\r\n', "no sense"),
        (b"--b\r\nnonsense\r\n\r\n1\r\n--b--\r\n", "no sense"),
        (b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--b--\r\n', "UTF-8"),
        (
            b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--b--',
            "encoded",
        ),
        (b"--b\r\nX: " + b"x" * 5000 + b"\r\n\r\n1\r\n--b--\r\n", "cut off"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 70, "parts|cut off|inside"),
    ],
)
def test_what_is_no_form_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadForm, match=reason):
        read_form(body)


def test_no_name_or_type_can_add_a_head() -> None:
    _, body = write_form([FormPart('a"\r\nX: y', b"1", 'b"\r\nX: y', "image/png\r\nX: y")])
    [part] = read_form(body)
    assert (part.content, part.media_type) == (b"1", "")
    assert b"\r\nX:" not in body


def test_there_is_a_most_number_of_parts() -> None:
    _, body = write_form([FormPart("a", b"1")] * (MOST_PARTS + 1))
    with pytest.raises(BadForm, match="more than"):
        read_form(body)
