"""Statements of account for a period: the CM's stock and each CTI, as JSON, CSV or PDF by `Accept`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, cliente, llamar
from services.gateway.estados import escritura, lectura
from services.gateway.estados.lectura import FILAS, FILAS_PDF, Lectura
from services.gateway.impresion.taller import taller
from services.gateway.schemas import Esquema
from shared.contracts import clientes as cl

blp = Blueprint("estados-de-cuenta", __name__, description="Estados de cuenta verificables sin conexión")

_PDF, _CSV, _JSON = "application/pdf", "text/csv", "application/json"


class PeriodoArgs(Esquema):
    desde = fields.Date(required=True, metadata={"description": "Primer día, hora del centro de México."})
    hasta = fields.Date(required=True, metadata={"description": "Último día, incluido."})


class PuntaSalida(Esquema):
    secuencia = fields.Integer()
    saldo = fields.Integer()
    sello = fields.String()


class MovimientoSelladoSalida(Esquema):
    secuencia = fields.Integer()
    creado_en = fields.String(metadata={"description": "UTC con microsegundos, tal como se selló."})
    motivo = fields.String()
    referencia = fields.String()
    cambio = fields.Integer(metadata={"description": "Negativo cuando salen timbres."})
    importe = fields.String(allow_none=True)
    saldo = fields.Integer()
    id = fields.Integer()
    operacion = fields.String()
    origen = fields.Integer()
    destino = fields.Integer()
    cantidad = fields.Integer()
    sello = fields.String()


class LibroSalida(Esquema):
    libro_id = fields.Integer()
    tipo = fields.String()
    titular = fields.String()
    nic = fields.Integer(allow_none=True)


class PeriodoSalida(Esquema):
    desde = fields.String()
    hasta = fields.String()
    zona = fields.String()


class EstadoDeLibroSalida(Esquema):
    formato = fields.String()
    cuenta = fields.Nested(LibroSalida)
    periodo = fields.Nested(PeriodoSalida)
    sin_sellar = fields.Integer(
        metadata={"description": "Movimientos de hace segundos que aún no tienen sello."}
    )
    apertura = fields.Nested(PuntaSalida)
    cierre = fields.Nested(PuntaSalida)
    movimientos = fields.List(fields.Nested(MovimientoSelladoSalida))


_CONTENIDOS = {"description": "También en `text/csv` y `application/pdf`, según `Accept`."}


@blp.route("/v1/timbres/estado-de-cuenta")
class EstadoDeExistencia(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PeriodoArgs, location="query")
    @blp.alt_response(200, schema=EstadoDeLibroSalida, **_CONTENIDOS)
    def get(self, args: dict[str, Any]) -> Response:
        """Estado de cuenta de la existencia de timbres, sellado y verificable."""
        return _responder(None, args["desde"], args["hasta"])


@blp.route("/v1/ctis/<string:cti>/estado-de-cuenta")
class EstadoDeCti(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PeriodoArgs, location="query")
    @blp.alt_response(200, schema=EstadoDeLibroSalida, **_CONTENIDOS)
    def get(self, args: dict[str, Any], cti: str) -> Response:
        """Estado de cuenta de una CTI, sellado y verificable."""
        return _responder(cti, args["desde"], args["hasta"])


def _responder(cti: str | None, desde: date, hasta: date) -> Response:
    tipo = request.accept_mimetypes.best_match([_JSON, _CSV, _PDF]) or _JSON
    cuenta_id = actual().cuenta_id
    leido = lectura.leer(cliente(), cuenta_id, cti, desde, hasta, FILAS_PDF if tipo == _PDF else FILAS)
    cuerpo: Iterator[bytes] | bytes
    match tipo:
        case "application/pdf":
            cuerpo = taller().estado(_para_dibujar(leido, cuenta_id))
        case "text/csv":
            cuerpo = escritura.en_csv(leido)
        case _:
            cuerpo = escritura.en_json(leido)
    respuesta = Response(cuerpo, content_type=f"{tipo}; charset=utf-8" if tipo == _CSV else tipo)
    respuesta.headers["Vary"] = "Accept"
    if tipo != _JSON:
        nombre = quote(f"estado-de-cuenta-{cti or 'existencia'}-{desde}-{hasta}.{tipo[-3:]}", safe="-._@")
        respuesta.headers["Content-Disposition"] = f'attachment; filename="{nombre}"'
    return respuesta


def _para_dibujar(leido: Lectura, cuenta_id: UUID) -> dict[str, Any]:
    """The statement with the names that a reader looks for; they are not sealed."""
    e = leido.primera
    nombre = None
    if e.nic is not None:
        nombre = llamar(cl.OBTENER_CLIENTE, cl.ObtenerCliente(cuenta_id=cuenta_id, nic=e.nic)).nombre
    return {
        **lectura.cabeza(e),
        "movimientos": [lectura.fila(e, m) for pagina in leido.paginas() for m in pagina],
        "cuenta_maestra": llamar(cl.OBTENER_CUENTA, cl.ObtenerCuenta(cuenta_id=cuenta_id)).nombre,
        "cliente": nombre,
        "emitido_en": datetime.now(UTC).isoformat(timespec="seconds"),
    }
