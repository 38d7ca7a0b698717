"""``POST /messages/count_tokens``: how long a prompt is, by our own count."""

from __future__ import annotations

import re
from typing import Final

from turnout.base.errors import Internal, TurnoutError
from turnout.base.jsons import encode
from turnout.domain.chat import ChatRequest
from turnout.engine.filters import text_bytes
from turnout.engine.house import Call, House

__all__ = ["count_tokens"]

_BYTES_PER_TOKEN: Final = 4
_TOKENS_PER_FILE: Final = 1600
_FILE: Final = re.compile(rb'"(?:image_url|file_data)":')


async def count_tokens(call: Call, house: House) -> None:
    """Answer one request for a count. It calls no model and costs nothing; raises nothing but CancelledError."""
    try:
        await house.keys.find(call.authorization)
        request = call.surface.decode(call.body)
    except TurnoutError as error:
        house.tally.refused(error.error_type)
        call.reply.refuse(error, None)
    except Exception as error:  # noqa: BLE001 - the border of the route: a mistake of ours must not kill the connection
        house.mistake(error)
        call.reply.refuse(Internal(), None)
    else:
        body = encode({"input_tokens": _count(request)})
        call.reply.whole(house.ids.next(house.clock.wall()), 0.0, body, "")


def _count(request: ChatRequest) -> int:
    """Four bytes of text to a token, tools included; a file counts as a picture of usual size."""
    files = len(_FILE.findall(bytes(request.fields["messages"])))
    beside = sum(
        len(memoryview(request.fields[name])) for name in ("tools", "response_format") if name in request.fields
    )
    return -(-(text_bytes(request) + beside) // _BYTES_PER_TOKEN) + files * _TOKENS_PER_FILE
