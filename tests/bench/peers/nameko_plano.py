"""Peers: stock nameko, one RPC per request: http → RpcProxy → service, as its documentation shows.

`python -m tests.bench.peers.nameko_plano http|orm|lote`. Nothing of shared.messaging's own runtime: stock proxy,
persistent messages, JSON. The service `orm` stamps with SQLAlchemy's ORM (`orm.py`): that is plain nameko. `lote` has our
own pipeline behind it, with lots of one: what is left of the difference is the bus, and what lots are for.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

os.environ["PSYCOPG_WAIT_FUNC"] = "wait_selector"

import eventlet

eventlet.monkey_patch()

import base64
import json
import sys
from typing import Any

from nameko.extensions import DependencyProvider
from nameko.rpc import RpcProxy, rpc
from nameko.runners import ServiceRunner
from nameko.web.handlers import http

from services.timbrado.repository import Repositorio
from services.timbrado.service import build
from shared.config import settings
from shared.contracts.timbrado import LoteDeTimbrado, ResultadoDeTimbrado, SolicitudDeTimbrado
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.bench.peers.orm import TimbradorOrm


class _Base:
    """What `build` asks of the bus: an engine and units of work. No relay."""

    def __init__(self) -> None:
        url = settings().database_url
        assert url is not None
        self.engine = new_engine(url, settings().db_pool)

    def uow(self) -> UnitOfWork[Repositorio]:
        return UnitOfWork(self.engine, Repositorio)


class _LotesDeUno:
    """Our pipeline, asked for one document at a time."""

    def __init__(self) -> None:
        timbrador = build(_Base())  # type: ignore[arg-type]
        self._lote, self.validar = timbrador.timbrar_lote, timbrador.validar

    def timbrar(self, s: SolicitudDeTimbrado) -> ResultadoDeTimbrado:
        [r] = self._lote(LoteDeTimbrado(solicitudes=[s])).resultados
        return r


class Pipeline(DependencyProvider):  # type: ignore[misc]
    """One per process."""

    def setup(self) -> None:
        self._timbrador = _LotesDeUno() if sys.argv[1] == "lote" else TimbradorOrm(_Base().engine)

    def get_dependency(self, worker_ctx: Any) -> _LotesDeUno | TimbradorOrm:
        return self._timbrador


class Plano:
    """The service."""

    name = "plano"
    pipeline = Pipeline()

    @rpc  # type: ignore[untyped-decorator]
    def timbrar(self, cti: str, contrasena: str, xml: str) -> dict[str, Any]:
        r = self.pipeline.timbrar(SolicitudDeTimbrado(cti=cti, contrasena=contrasena, xml=xml))
        if r.error is not None:
            return {"error": str(r.error), "detail": r.detail}
        return {"uuid": str(r.uuid).upper(), "idd": r.idd, "repetido": r.repetido, "xml": r.xml}

    @rpc  # type: ignore[untyped-decorator]
    def validar(self, cti: str, contrasena: str, xml: str) -> dict[str, Any]:
        r = self.pipeline.validar(SolicitudDeTimbrado(cti=cti, contrasena=contrasena, xml=xml))
        return {"error": str(r.error)} if r.error is not None else {"valido": True}


class PlanoHttp:
    """The gateway."""

    name = "plano_http"
    plano = RpcProxy("plano")

    @http("POST", "/v1/timbrado")  # type: ignore[untyped-decorator]
    def timbrar(self, request: Any) -> Any:
        return _respuesta(self.plano.timbrar(*_argumentos(request)))

    @http("POST", "/v1/timbrado/validaciones")  # type: ignore[untyped-decorator]
    def validar(self, request: Any) -> Any:
        return _respuesta(self.plano.validar(*_argumentos(request)))


def _argumentos(request: Any) -> tuple[str, str, str]:
    credencial = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    cti, _, contrasena = credencial.partition(":")
    return cti, contrasena, request.get_data().decode()


def _respuesta(datos: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    return 422 if "error" in datos else 200, {"Content-Type": "application/json"}, json.dumps(datos)


def main(papel: str) -> None:
    """Run one process of the peer."""
    s = settings()
    # Stock is 10 workers; the HTTP side gets one per caller, so that callers never queue there.
    config = {
        "AMQP_URI": s.amqp_url,
        "WEB_SERVER_ADDRESS": f"127.0.0.1:{s.http_port}",
        "max_workers": 64 if papel == "http" else 10,
    }
    runner = ServiceRunner(config)
    runner.add_service(PlanoHttp if papel == "http" else Plano)
    runner.start()
    runner.wait()


if __name__ == "__main__":
    main(sys.argv[1])
