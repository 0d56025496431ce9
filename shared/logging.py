"""Structured logs: one JSON object a line, with service and correlation id; secrets are cut out."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.config import settings

#: Names whose values never reach a log, whoever logs them.
SECRETS = ("contrasena", "password", "pwd", "token", "secreto", "llave", "authorization", "cookie")


def _context(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    from shared.correlation import correlation

    event["servicio"] = settings().servicio
    if correlation.get():
        event["correlacion"] = correlation.get()
    for key in event:
        if any(word in key.lower() for word in SECRETS):
            event[key] = "***"
    return event


def setup_logging() -> None:
    """Configure logging of this process. Libraries' own loggers go through the same formatter."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _context,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.JSONRenderer(ensure_ascii=False),
                    ],
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "formatter": "json",
                    "stream": "ext://sys.stdout",
                }
            },
            "root": {"handlers": ["stdout"], "level": settings().log_level},
            "loggers": {
                "amqp": {"level": "WARNING"},
                "kombu": {"level": "WARNING"},
                "nameko": {"level": "WARNING"},
                # It warns, with a traceback, of every refusal that a call answers with: those are the caller's to read.
                "nameko.containers": {"level": "ERROR"},
            },
        }
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for `name`; use keyword arguments for facts, never string formatting."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
