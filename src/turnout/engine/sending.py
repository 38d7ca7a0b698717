"""One request to one endpoint: put into its provider's words and sent."""

from __future__ import annotations

from turnout.contracts.provider import Adapter
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Candidate
from turnout.engine.house import House, Rails
from turnout.engine.relay import Whole
from turnout.providers.failures import unsaid

__all__ = ["send"]


async def send(house: House, rails: Rails, request: ChatRequest, candidate: Candidate, sink: Whole) -> Adapter:
    """One upstream call; returns when its answer is complete in *sink*.

    Raises:
        UpstreamError: it failed.
    """
    adapter = rails.adapters[candidate.access]
    original = request.original
    if original is not None and original.peculiar and candidate.provider.dialect not in original.kin:
        raise unsaid(original.peculiar)
    if adapter.prepare is not None:
        request = await adapter.prepare(request, candidate.endpoint)
    outgoing = adapter.outgoing(request, candidate.endpoint)
    dropped = outgoing.dropped
    if original is not None and original.unsaid and candidate.provider.dialect != original.language:
        dropped += original.unsaid
    if dropped or outgoing.verbatim:
        sink.announce(",".join(dropped), verbatim=outgoing.verbatim)
    body = outgoing.body
    if (debug := request.parameters.debug) is not None and debug.echo_upstream_body:
        sink.echo(body)
    message = b"%b%d\r\n\r\n%b" % (outgoing.head, len(body), body)
    timeouts = candidate.provider.timeouts
    first_byte = timeouts.first_byte if request.parameters.stream else timeouts.whole
    await house.client.exchange(rails.origins[candidate.access], message, sink, timeouts, first_byte)
    return adapter
