"""What ``turnout serve`` prints when it is ready."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.base.secrets import Secret
from turnout.domain.provider import Provider

__all__ = ["banner"]


def banner(address: str, key: Secret | None, management_key: Secret | None, providers: Mapping[str, Provider]) -> str:
    """The address, who serves, the keys that must be told now, and a request that works as pasted."""
    serving = [one.name for one in providers.values() if one.usable and one.dialect != "fake"]
    lines = ["", f"  Turnout is ready at {address}", ""]
    if serving:
        lines.append(f"  Providers:  {', '.join(serving)}")
    else:
        lines.append("  Providers:  none configured, so the built-in fake one answers (set e.g. OPENAI_API_KEY)")
        lines.append(f"  Website:    {address}/setup  (sign in with the management key)")
    if management_key is not None:
        lines.append(f"  Management: {management_key.reveal()}  (shown once: keep it)")
    if key is not None:
        lines.append(f"  API key:    {key.reveal()}")
    if serving:
        lines.append("  Models:     turnout catalog search TEXT --callable")
    bearer = key.reveal() if key is not None else "$TURNOUT_API_KEY"
    fake = any(one.usable and one.dialect == "fake" for one in providers.values())
    model = "fake/echo" if fake else "MODEL"
    lines += [
        "",
        f"  curl {address}/api/v1/chat/completions \\",
        f'    -H "Authorization: Bearer {bearer}" \\',
        "    -H 'Content-Type: application/json' \\",
        f"""    -d '{{"model":"{model}","messages":[{{"role":"user","content":"Hello, Turnout!"}}]}}'""",
    ]
    return "\n".join([*lines, ""])
