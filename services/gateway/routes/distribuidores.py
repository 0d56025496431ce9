"""A CM's own network: its direct sub-distributors (manual: Distribuidores)."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import validate

from services.gateway.auth import publica, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, ip, llamar
from services.gateway.csv import responder_lista
from services.gateway.limites import limitar
from services.gateway.routes.renovaciones import Cotizacion, RenovacionDeCuentaEntrada, Renovada
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c
from shared.contracts import timbrado as t
from shared.errors import Codigo, DomainError
from shared.quien import origen

blp = Blueprint("distribuidores", __name__, description="Distribuidores a cargo de la Cuenta Maestra")

ESTADOS = ("sin_validar", "sin_activar", "activo", "suspendido", "vencido", "cancelado")
#: Looks at, and uses of, confirmation links from one address: a token can't be guessed, and nobody may try for long.
_POR_MINUTO = (30, 60)


class DistribuidorSalida(esquema_de(c.Distribuidor)):  # type: ignore[misc]
    cuenta_id = ma.fields.UUID(required=True)


class HistoriaSalida(esquema_de(c.CambioDeEstado)):  # type: ignore[misc]
    """One line of the history."""


class AbastoSalida(esquema_de(t.Abasto)):  # type: ignore[misc]
    """What the CM in use has sold to it."""


class DetalleSalida(Esquema):
    distribuidor = ma.fields.Nested(DistribuidorSalida)
    historia = ma.fields.List(
        ma.fields.Nested(HistoriaSalida), metadata={"description": "Lo más reciente primero."}
    )
    renovacion = ma.fields.Nested(
        Renovada, allow_none=True, metadata={"description": "La última que se pidió."}
    )
    abasto = ma.fields.Nested(
        AbastoSalida, metadata={"description": "Los timbres que esta cuenta le ha vendido."}
    )


class DistribuidoresArgs(PaginaArgs):
    estado = ma.fields.String(
        load_default=None, validate=validate.OneOf(ESTADOS), metadata={"description": "Una pestaña."}
    )
    q = ma.fields.String(
        load_default=None,
        validate=[c.SIN_NULOS, validate.Length(max=200)],
        metadata={"description": "Parte del nombre o del correo; sin importar acentos ni mayúsculas."},
    )
    orden = ma.fields.String(
        load_default="nombre",
        validate=validate.OneOf(("nombre", "vencimiento", "recientes")),
        metadata={"description": "`nombre`, `vencimiento` (lo que vence antes primero) o `recientes`."},
    )


class Confirmacion(Esquema):
    confirmar = ma.fields.Boolean(load_default=False, metadata={"description": "Envíe true para confirmar."})


class ConMotivo(Confirmacion):
    motivo = ma.fields.String(
        required=True,
        validate=[c.SIN_NULOS, validate.Length(min=1, max=300)],
        metadata={"description": "Se le informa por correo a la cuenta y queda en su historia."},
    )


class TokenArgs(Esquema):
    token = ma.fields.String(
        required=True,
        validate=[c.SIN_NULOS, validate.Length(min=1, max=200)],
        metadata={"description": "El del enlace del correo."},
    )


@blp.route("/v1/distribuidores")
class Distribuidores(MethodView):
    @requiere_sesion
    @blp.arguments(DistribuidoresArgs, location="query")
    @blp.response(200, pagina_de(DistribuidorSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Distribuidores a cargo de la cuenta, solo los directos: su estado, su vencimiento y qué se puede hacer."""
        peticion = c.ListarDistribuidores(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_DISTRIBUIDORES, peticion), DistribuidorSalida)

    @requiere_sesion("administrador")
    @blp.arguments(esquema_de(c.CrearDistribuidor))
    @blp.response(201, DistribuidorSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Da de alta un distribuidor: le llega un correo para confirmar. Necesita el MKL Multi-nivel."""
        yo = actual()
        return llamar(
            c.CREAR_DISTRIBUIDOR,
            c.CrearDistribuidor(
                clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos
            ),
        )


@blp.route("/v1/distribuidores/resumen")
class Resumen(MethodView):
    @requiere_sesion
    @blp.response(200, esquema_de(c.ResumenDistribuidores))
    def get(self) -> Any:
        """Cuántos distribuidores hay en cada estado."""
        peticion = c.ResumirDistribuidores(cuenta_id=actual().cuenta_id)
        return llamar(c.RESUMIR_DISTRIBUIDORES, peticion)


@blp.route("/v1/distribuidores/confirmaciones")
class Confirmaciones(MethodView):
    @publica
    @blp.arguments(TokenArgs, location="query")
    @blp.response(200, esquema_de(c.AltaVista))
    def get(self, args: dict[str, Any]) -> Any:
        """Lo que confirma el enlace del correo: la cuenta, y si hace falta crear el perfil."""
        limitar("confirmar_alta", origen(ip()), *_POR_MINUTO)
        return llamar(c.VER_ALTA, c.VerAlta(**args))

    @publica
    @blp.arguments(esquema_de(c.ConfirmarAlta))
    @blp.response(201, esquema_de(c.AltaConfirmada))
    def post(self, datos: dict[str, Any]) -> Any:
        """Confirma el alta con el perfil que ya se tiene, o con uno nuevo. La cuenta queda sin activar."""
        limitar("confirmar_alta", origen(ip()), *_POR_MINUTO)
        # A link is used once and for good, so it is its own key: repeating it answers the same.
        clave = f"alta:{hashlib.sha256(datos['token'].encode()).hexdigest()}"
        return llamar(c.CONFIRMAR_ALTA, c.ConfirmarAlta(clave=clave, **datos))


@blp.route("/v1/distribuidores/<uuid:distribuidor_id>")
class UnDistribuidor(MethodView):
    @requiere_sesion
    @blp.response(200, DetalleSalida)
    def get(self, distribuidor_id: UUID) -> Any:
        """Un distribuidor directo con su historia, su última renovación y los timbres que se le han vendido."""
        cuenta_id = actual().cuenta_id
        detalle = llamar(
            c.OBTENER_DISTRIBUIDOR,
            c.ObtenerDistribuidor(cuenta_id=cuenta_id, distribuidor_id=distribuidor_id),
        )
        abasto = llamar(
            t.CONSULTAR_ABASTO, t.ConsultarAbasto(cuenta_id=cuenta_id, destino_id=distribuidor_id)
        )
        return {
            "distribuidor": detalle.distribuidor,
            "historia": detalle.historia,
            "renovacion": detalle.renovacion,
            "abasto": abasto,
        }


@blp.route("/v1/distribuidores/<uuid:distribuidor_id>/reenvio")
class Reenvio(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(esquema_de(c.ReenviarAlta, "distribuidor_id"), required=False)
    @blp.response(200, DistribuidorSalida)
    def post(self, datos: dict[str, Any], distribuidor_id: UUID) -> Any:
        """Envía de nuevo el correo de confirmación; el enlace anterior deja de servir.

        Si el correo, el móvil o el nombre del titular se escribieron mal, envíe los correctos mientras la cuenta esté
        sin validar, también la de un cliente convertido en distribuidor. Lo que no envíe queda como está.
        """
        yo = actual()
        return llamar(
            c.REENVIAR_ALTA,
            c.ReenviarAlta(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                distribuidor_id=distribuidor_id,
                **datos,
            ),
        )


@blp.route("/v1/distribuidores/<uuid:distribuidor_id>/activacion")
class Activacion(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(Confirmacion)
    @blp.response(200, DistribuidorSalida)
    def post(self, datos: dict[str, Any], distribuidor_id: UUID) -> Any:
        """Activa una cuenta sin activar: comienza su año y puede usarse plenamente."""
        return _cambiar(distribuidor_id, "activacion", datos)


@blp.route("/v1/distribuidores/<uuid:distribuidor_id>/suspension")
class Suspension(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(ConMotivo)
    @blp.response(200, DistribuidorSalida)
    def post(self, datos: dict[str, Any], distribuidor_id: UUID) -> Any:
        """Suspende una cuenta activa: solo podrá consultar y renovar; sus clientes timbran con lo que tienen."""
        return _cambiar(distribuidor_id, "suspension", datos)


@blp.route("/v1/distribuidores/<uuid:distribuidor_id>/reactivacion")
class Reactivacion(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(Confirmacion)
    @blp.response(200, DistribuidorSalida)
    def post(self, datos: dict[str, Any], distribuidor_id: UUID) -> Any:
        """Reactiva una cuenta suspendida."""
        return _cambiar(distribuidor_id, "reactivacion", datos)


@blp.route("/v1/distribuidores/<uuid:distribuidor_id>/cancelacion")
class Cancelacion(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(ConMotivo)
    @blp.response(200, DistribuidorSalida)
    def post(self, datos: dict[str, Any], distribuidor_id: UUID) -> Any:
        """Cancela una cuenta que no está activa. No se puede deshacer: se elimina en 30 días naturales.

        Los distribuidores a su cargo no se cancelan: pasan a depender de esta cuenta.
        """
        return _cambiar(distribuidor_id, "cancelacion", datos)


@blp.route("/v1/distribuidores/<uuid:distribuidor_id>/renovacion")
class RenovacionDeDistribuidor(MethodView):
    @requiere_sesion
    @blp.response(200, Cotizacion)
    def get(self, distribuidor_id: UUID) -> Any:
        """Lo que cuesta renovar un año a un distribuidor: la cuota y sus contratos completos."""
        peticion = c.CotizarRenovacion(cuenta_id=actual().cuenta_id, renovada_id=distribuidor_id)
        return llamar(c.COTIZAR_RENOVACION, peticion)

    @requiere_sesion("administrador", alcance="puntos:mover")
    @blp.arguments(RenovacionDeCuentaEntrada)
    @blp.response(202, Renovada)
    def post(self, datos: dict[str, Any], distribuidor_id: UUID) -> Any:
        """Renueva un año a un distribuidor con los puntos de esta cuenta. Consulte después su `estado`.

        Al cobrarse, la cuenta vencida o suspendida vuelve a estar activa.
        """
        exigir_confirmacion(datos, "Se cobrará un año completo en puntos.")
        yo = actual()
        return llamar(
            c.RENOVAR_CUENTA,
            c.RenovarCuenta(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                renovada_id=distribuidor_id,
                actor=yo.perfil_id,
                total=datos["total"],
            ),
        )


_ADVERTENCIAS = {
    "activacion": "La cuenta podrá usarse plenamente y comienza su año.",
    "suspension": "La cuenta solo podrá consultar y renovar.",
    "reactivacion": "La cuenta podrá usarse plenamente.",
    "cancelacion": (
        "La cancelación no se puede deshacer: la cuenta se elimina en 30 días naturales, y los distribuidores a su cargo"
        " pasan a depender de la suya."
    ),
}


def _cambiar(distribuidor_id: UUID, accion: str, datos: dict[str, Any]) -> Any:
    exigir_confirmacion(datos, _ADVERTENCIAS[accion])
    yo = actual()
    return llamar(
        c.CAMBIAR_DISTRIBUIDOR,
        c.CambiarDistribuidor(
            clave=clave_idempotencia(),
            cuenta_id=yo.cuenta_id,
            actor=yo.perfil_id,
            distribuidor_id=distribuidor_id,
            accion=accion,
            motivo=datos.get("motivo"),
        ),
    )


def exigir_confirmacion(datos: dict[str, Any], advertencia: str) -> None:
    """Raises `confirmacion_requerida` unless `confirmar` is true, saying what would happen."""
    if not datos["confirmar"]:
        raise DomainError(
            Codigo.CONFIRMACION_REQUERIDA,
            f"{advertencia} Para continuar, envíe confirmar: true.",
            errores={"confirmar": ["Envíe true para confirmar."]},
        )
