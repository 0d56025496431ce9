"""The correlation id of a request: the trace id of the caller's `traceparent`, or one made here (W3C)."""

from __future__ import annotations

import re
import secrets

# It lives beside the unit of work, which the gateway may not import; the RPC client sends it on.
from shared.messaging.rpc_client import correlation  # type: ignore[attr-defined]
from shared.quien import SISTEMA, quien

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def tomar(traceparent: str | None) -> str:
    """Set and return the id of the request that begins."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    id_ = match.group(1) if match else secrets.token_hex(16)
    correlation.set(id_)
    # A connection's earlier request may have been someone's; `contexto.llamar` says whose this one is.
    quien.set(SISTEMA)
    return id_


__all__ = ["correlation", "tomar"]
