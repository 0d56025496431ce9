"""Starts one service: `python -m shared.messaging.runtime timbrado`.

The order matters: psycopg's wait function is chosen and the standard library patched before anything
else is imported, or one query would stop every greenthread of the process (design/tech.md).
"""

# ruff: noqa: E402, I001
from __future__ import annotations

import os
import warnings

# The one exception to "config is the only reader": psycopg reads this at import, before config can.
os.environ["PSYCOPG_WAIT_FUNC"] = "wait_selector"
warnings.filterwarnings("ignore", category=DeprecationWarning)

import eventlet

eventlet.monkey_patch()

import gc
import importlib
import random
import signal
import sys
import time
from typing import Any

import nameko
import psycopg.waiting
from importlib.metadata import version
from kombu import Connection
from nameko.runners import ServiceRunner
from prometheus_client import start_http_server

from shared.config import settings
from shared.logging import get_logger, setup_logging
from shared.messaging import hardening
from shared.messaging.wire import SERIALIZER

log = get_logger(__name__)

NAMEKO = "2.14.1"
STOP_DEADLINE = 15.0


def check_environment() -> None:
    """Refuse to start on a library or wait function that is known to break us."""
    if version("nameko") != NAMEKO:
        raise RuntimeError(f"nameko {version('nameko')} is installed, {NAMEKO} is needed ({nameko.__file__})")
    if psycopg.waiting.wait is not psycopg.waiting.wait_selector:
        raise RuntimeError(f"psycopg waits with {psycopg.waiting.wait}: it would block the event loop")


def wait_for_broker(url: str, deadline: float = 60.0) -> None:
    """Until the broker answers. nameko's services die when it is away at start."""
    end = time.monotonic() + deadline
    while True:
        try:
            with Connection(url, connect_timeout=2) as connection:
                connection.connect()
            return
        except Exception as exc:
            if time.monotonic() > end:
                raise
            log.info("waiting_for_broker", error=str(exc))
            time.sleep(random.uniform(0.3, 0.8))


def nameko_config() -> dict[str, Any]:
    """nameko's own configuration, from our settings."""
    s = settings()
    return {
        "AMQP_URI": s.amqp_url,
        "WEB_SERVER_ADDRESS": f"{s.http_host}:{s.http_port}",
        "serializer": SERIALIZER,
        "ACCEPT": [SERIALIZER],
        "HEARTBEAT": 5,
        "max_workers": s.max_workers,
    }


def spare_the_collector() -> None:
    """Look for cycles less often, and never among what is loaded for good: that was 3 % of a stamping's CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def main(servicio: str) -> None:
    """Run the service until SIGTERM or SIGINT, then stop gracefully within a deadline."""
    check_environment()
    setup_logging()
    hardening.apply()
    service_class = importlib.import_module(f"services.{servicio}.service").SERVICE
    wait_for_broker(settings().amqp_url)
    if settings().metrics_port:
        start_http_server(settings().metrics_port, addr="127.0.0.1")
    runner = ServiceRunner(nameko_config())
    runner.add_service(service_class)

    def stop(*_: object) -> None:
        def hard() -> None:
            log.error("stop_deadline_passed")
            os._exit(1)

        eventlet.spawn_after(STOP_DEADLINE, hard)
        eventlet.spawn(runner.stop)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    runner.start()
    spare_the_collector()
    log.info("started", pid=os.getpid())
    runner.wait()
    log.info("stopped")


if __name__ == "__main__":
    main(sys.argv[1])
