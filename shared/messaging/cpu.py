"""CPU-heavy work off the event loop: argon2 or a PDF would starve heartbeats and every other call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eventlet import tpool


def offload(function: Callable[..., Any], *args: Any) -> Any:
    """Run `function` in a native thread; this greenthread waits, the others go on."""
    return tpool.execute(function, *args)
