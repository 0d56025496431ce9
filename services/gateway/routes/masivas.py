"""Bulk transfers: up to 50,000 rows in one operation, its progress, and what became of each row."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway import masivas
from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.csv import responder_lista
from services.gateway.paso import exigir_paso
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError, campo_invalido

blp = Blueprint("masivas", __name__, description="Transferencias masivas de timbres")

RUTA = "/v1/transferencias-masivas"
MasivaSalida = esquema_de(c.TransferenciaMasiva)
FilaSalida = esquema_de(c.FilaDeMasiva)


class SimulacionSalida(esquema_de(c.SimulacionMasiva)):  # type: ignore[misc]
    rechazos = fields.List(
        fields.Nested(FilaSalida),
        required=True,
        metadata={"description": "Las primeras 1,000; `rechazadas` dice cuántas son."},
    )


_OPCIONES = {
    "todo_o_nada": "Si una fila se rechaza no se aplica ninguna.",
    "simular": "Solo dice qué pasaría; no cambia nada ni necesita clave ni confirmación.",
    "confirmar": "La transferencia es irreversible: envíe true.",
}
_FILAS = {
    "type": "array",
    "minItems": 1,
    "maxItems": c.FILAS_MAXIMAS,
    "items": {
        "type": "object",
        "required": ["cti", "cantidad", "importe"],
        "additionalProperties": False,
        "properties": {
            "cti": {"type": "string", "pattern": "^[A-Za-z0-9._@-]{3,64}$"},
            "cantidad": {"type": "integer", "minimum": 1, "maximum": c.CANTIDAD_MAXIMA},
            "importe": {"type": "string", "format": "decimal", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,2})?$"},
        },
    },
}
#: Written by hand: no marshmallow schema reads these rows (`services/gateway/masivas.py`).
CUERPO = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["filas"],
                "additionalProperties": False,
                "properties": {
                    "filas": _FILAS,
                    **{
                        n: {"type": "boolean", "default": False, "description": d}
                        for n, d in _OPCIONES.items()
                    },
                },
            }
        },
        "text/csv": {
            "schema": {
                "type": "string",
                "description": "UTF-8, con o sin BOM. Primera línea: cti,cantidad,importe. Separador , o ;",
            },
            "example": "cti,cantidad,importe\nA001,100,150.00\nB002,50,80.00\n",
        },
    },
}


class OpcionesArgs(Esquema):
    """The options of a CSV; those of a JSON are in its body."""

    todo_o_nada = fields.Boolean(metadata={"description": f"Con CSV: {_OPCIONES['todo_o_nada']}"})
    simular = fields.Boolean(metadata={"description": f"Con CSV: {_OPCIONES['simular']}"})
    confirmar = fields.Boolean(metadata={"description": f"Con CSV: {_OPCIONES['confirmar']}"})


class MasivasArgs(PaginaArgs):
    estado = fields.String(
        load_default=None,
        validate=validate.OneOf(["recibida", "aplicando", "aplicada", "aplicada_con_rechazos", "rechazada"]),
    )


class FilasArgs(PaginaArgs):
    estado = fields.String(load_default=None, validate=validate.OneOf(["pendiente", "aplicada", "rechazada"]))


@blp.route(RUTA)
class TransferenciasMasivas(MethodView):
    @requiere_sesion(rol="operador")
    @blp.doc(requestBody=CUERPO)
    @blp.arguments(OpcionesArgs, location="query")
    @blp.response(202, MasivaSalida, description="Recibida; consulte su avance en Location.")
    @blp.alt_response(200, schema=SimulacionSalida, description="Con simular: qué pasaría.")
    def post(self, args: dict[str, bool]) -> Any:
        """Transfiere timbres a muchas CTI en una operación. Irreversible."""
        filas, opciones = _leer(args)
        yo = actual()
        todo_o_nada = opciones.get("todo_o_nada", False)
        if opciones.get("simular"):
            simulada = llamar(
                c.SIMULAR_TRANSFERENCIA_MASIVA,
                c.SimularTransferenciaMasiva(
                    cuenta_id=yo.cuenta_id, todo_o_nada=todo_o_nada, **filas.columnas
                ),
            )
            return Response(SimulacionSalida().dumps(simulada), mimetype="application/json")
        if not opciones.get("confirmar"):
            raise DomainError(
                Codigo.CONFIRMACION_REQUERIDA,
                "La transferencia masiva es irreversible. Revísela con simular: true y envíe confirmar: true.",
            )
        exigir_paso(timbres=sum(map(int, filas.cantidades.split(","))))
        masiva = llamar(
            c.TRANSFERIR_MASIVAMENTE,
            c.TransferirMasivamente(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                actor=str(yo.perfil_id),
                todo_o_nada=todo_o_nada,
                **filas.columnas,
            ),
        )
        return masiva, 202, {"Location": f"{RUTA}/{masiva.id}"}

    @requiere_sesion(rol="consulta")
    @blp.arguments(MasivasArgs, location="query")
    @blp.response(200, pagina_de(MasivaSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Transferencias masivas, de la más reciente a la más antigua."""
        peticion = c.ListarTransferenciasMasivas(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_TRANSFERENCIAS_MASIVAS, peticion), MasivaSalida)


@blp.route(f"{RUTA}/<uuid:masiva_id>")
class UnaTransferenciaMasiva(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, MasivaSalida)
    def get(self, masiva_id: UUID) -> Any:
        """Una transferencia masiva: su estado y su avance."""
        peticion = c.ObtenerTransferenciaMasiva(cuenta_id=actual().cuenta_id, masiva_id=masiva_id)
        return llamar(c.OBTENER_TRANSFERENCIA_MASIVA, peticion)


@blp.route(f"{RUTA}/<uuid:masiva_id>/filas")
class FilasDeMasiva(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(FilasArgs, location="query")
    @blp.response(200, pagina_de(FilaSalida))
    def get(self, args: dict[str, Any], masiva_id: UUID) -> Any:
        """Las filas en su orden, con el resultado de cada una."""
        peticion = c.ListarFilasDeMasiva(cuenta_id=actual().cuenta_id, masiva_id=masiva_id, **args)
        return responder_lista(llamar(c.LISTAR_FILAS_DE_MASIVA, peticion), FilaSalida)


def _leer(args: dict[str, bool]) -> tuple[masivas.Filas, dict[str, bool]]:
    """The rows, and the options from where the body's type has them."""
    tipo = request.mimetype
    if tipo not in ("application/json", "text/csv"):
        raise campo_invalido("Content-Type", "Envíe las filas como application/json o text/csv.")
    if args and tipo == "application/json":
        raise campo_invalido(next(iter(args)), "Con JSON las opciones van en el cuerpo, junto a filas.")
    filas = masivas.leer(request.get_data(), es_csv=tipo == "text/csv")
    return filas, args or filas.opciones
