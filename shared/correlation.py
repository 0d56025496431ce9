"""The W3C trace id of the call being served: on every log line, event and error."""

from __future__ import annotations

from contextvars import ContextVar

#: Set by the gateway for a request and by the bus for a call; carried to events through the outbox.
correlation: ContextVar[str] = ContextVar("correlation", default="")
