"""Clientes as files: import of up to 100,000 rows with its progress and report, export of the whole cartera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response, request, stream_with_context
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway import importaciones
from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, clave_si_viene, llamar
from services.gateway.csv import responder_lista
from services.gateway.routes.cartera import BusquedaArgs
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c
from shared.errors import campo_invalido

blp = Blueprint("importaciones", __name__, description="Importación y exportación de clientes")

RUTA = "/v1/clientes/importaciones"
ImportacionSalida = esquema_de(c.Importacion)
FilaSalida = esquema_de(c.FilaDeImportacion)
_CSV = "text/csv; charset=utf-8"
#: How a spreadsheet knows that a CSV is UTF-8.
_BOM = "\ufeff"
CUERPO = {
    "required": True,
    "content": {
        "text/csv": {
            "schema": {
                "type": "string",
                "description": "UTF-8 (con o sin BOM) o Windows-1252; separador , o ; Los títulos son los de la"
                " plantilla, en cualquier orden. Una celda vacía vacía el dato; una columna que no viene no lo toca.",
            },
            "example": "nombre,rfc,correo\nFerretería López,EKU9003173C9,ventas@lopez.mx\n",
        }
    },
}


class OpcionesArgs(Esquema):
    archivo = fields.String(
        load_default=None,
        validate=[c.SIN_NULOS, validate.Length(max=200)],
        metadata={"description": "Nombre del archivo, para reconocerlo en la lista."},
    )
    simular = fields.Boolean(
        load_default=False, metadata={"description": "El mismo reporte, sin cambiar a ningún cliente."}
    )
    actualizar = fields.Boolean(
        load_default=False, metadata={"description": "Las filas con NIC actualizan a ese cliente."}
    )
    duplicados = fields.String(
        load_default="omitir",
        validate=validate.OneOf(c.DUPLICADOS),
        metadata={
            "description": "Qué hacer con una fila sin NIC cuyo RFC ya está en la cartera o en el archivo."
        },
    )


class FilasArgs(PaginaArgs):
    resultado = fields.String(load_default=None, validate=validate.OneOf(c.RESULTADOS_DE_FILA))


class ExportacionArgs(BusquedaArgs):
    orden = fields.String(
        load_default="nic",
        validate=validate.OneOf(
            c.ORDENES_DE_CARTERA, error=f"El orden debe ser uno de: {', '.join(c.ORDENES_DE_CARTERA)}."
        ),
        metadata={"description": "Los órdenes de la lista. Quien no tiene compra o emisión va al final."},
    )


@blp.route(RUTA)
class Importaciones(MethodView):
    @requiere_sesion("operador")
    @blp.doc(requestBody=CUERPO)
    @blp.arguments(OpcionesArgs, location="query")
    @blp.response(202, ImportacionSalida, description="Recibida; consulte su avance en Location.")
    def post(self, args: dict[str, Any]) -> Any:
        """Importa clientes de un CSV de hasta 100,000 filas, en segundo plano."""
        if request.mimetype != "text/csv":
            raise campo_invalido("Content-Type", "Envíe el archivo como text/csv.")
        yo, clave = actual(), clave_idempotencia()
        archivo = importaciones.leer(request.get_data())
        importacion = llamar(
            c.RECIBIR_IMPORTACION,
            c.RecibirImportacion(
                clave=clave,
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                huella=archivo.huella,
                columnas=archivo.columnas,
                filas=archivo.filas,
                piezas=len(archivo.piezas),
                **args,
            ),
        )
        importacion = _obtener(importacion.id)
        # A repeat of a file that came whole sends nothing again; of one that did not, all of it.
        if importacion.estado == "recibiendo":
            for numero, (filas, contenido) in enumerate(archivo.piezas, 1):
                importacion = llamar(
                    c.RECIBIR_PIEZA,
                    c.RecibirPieza(
                        clave=f"{importacion.id}:{numero}",
                        cuenta_id=yo.cuenta_id,
                        importacion_id=importacion.id,
                        numero=numero,
                        filas=filas,
                        contenido=contenido,
                    ),
                )
        return importacion, 202, {"Location": f"{RUTA}/{importacion.id}"}

    @requiere_sesion("consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(ImportacionSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Importaciones, de la más reciente a la más antigua."""
        peticion = c.ListarImportaciones(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_IMPORTACIONES, peticion), ImportacionSalida)


@blp.route(f"{RUTA}/plantilla")
class Plantilla(MethodView):
    @requiere_sesion("consulta")
    @blp.response(200, content_type="text/csv", description="La plantilla.")
    def get(self) -> Any:
        """El CSV con los títulos y sin clientes, para llenarlo."""
        return _archivo(iter([importaciones.cabecera()]), "plantilla-clientes.csv")


@blp.route(f"{RUTA}/<uuid:importacion_id>")
class UnaImportacion(MethodView):
    @requiere_sesion("consulta")
    @blp.response(200, ImportacionSalida)
    def get(self, importacion_id: UUID) -> Any:
        """Una importación: su estado y su avance."""
        return _obtener(importacion_id)

    @requiere_sesion("operador")
    @blp.response(200, ImportacionSalida)
    def delete(self, importacion_id: UUID) -> Any:
        """Cancela lo que falta de una importación; lo ya importado se conserva."""
        yo = actual()
        clave = clave_si_viene()
        return llamar(
            c.CANCELAR_IMPORTACION,
            c.CancelarImportacion(
                clave=clave, cuenta_id=yo.cuenta_id, actor=yo.perfil_id, importacion_id=importacion_id
            ),
        )


@blp.route(f"{RUTA}/<uuid:importacion_id>/filas")
class FilasDeImportacion(MethodView):
    @requiere_sesion("consulta")
    @blp.arguments(FilasArgs, location="query")
    @blp.response(200, pagina_de(FilaSalida))
    def get(self, args: dict[str, Any], importacion_id: UUID) -> Any:
        """El reporte: qué pasó con cada fila, en el orden del archivo. No incluye contraseñas de CTI."""
        peticion = c.ListarFilasDeImportacion(
            cuenta_id=actual().cuenta_id, importacion_id=importacion_id, **args
        )
        return responder_lista(llamar(c.LISTAR_FILAS_DE_IMPORTACION, peticion), FilaSalida)


@blp.route("/v1/clientes/exportacion")
class Exportacion(MethodView):
    @requiere_sesion("consulta")
    @blp.arguments(ExportacionArgs, location="query")
    @blp.response(200, content_type="text/csv", description="La cartera.")
    def get(self, args: dict[str, Any]) -> Any:
        """Los clientes que la lista da con los mismos datos, todos y en CSV: sin `baja`, los que no son bajas;
        `baja=todas` da la cartera entera. Al final de cada fila, sus saldos y su última compra. Se puede importar de
        nuevo con actualizar=true."""
        peticion = c.ExportarCartera(cuenta_id=actual().cuenta_id, **args)
        # The first piece is asked for before anything is answered, so that a refusal is a proper one.
        pieza = llamar(c.EXPORTAR_CARTERA, peticion)

        def piezas() -> Iterator[str]:
            yield importaciones.cabecera() + pieza.csv
            siguiente = pieza.siguiente
            while siguiente is not None:
                otra = llamar(c.EXPORTAR_CARTERA, replace(peticion, cursor=siguiente))
                siguiente = otra.siguiente
                yield otra.csv

        return _archivo(stream_with_context(piezas()), "clientes.csv")


def _obtener(importacion_id: UUID) -> c.Importacion:
    peticion = c.ObtenerImportacion(cuenta_id=actual().cuenta_id, importacion_id=importacion_id)
    return llamar(c.OBTENER_IMPORTACION, peticion)


def _archivo(piezas: Iterator[str], nombre: str) -> Response:
    """A CSV as it is written: no more of it than a piece is ever in memory."""

    def con_marca() -> Iterator[bytes]:
        yield _BOM.encode()
        for pieza in piezas:
            yield pieza.encode()

    return Response(
        con_marca(), content_type=_CSV, headers={"Content-Disposition": f'attachment; filename="{nombre}"'}
    )
