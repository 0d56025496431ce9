"""A cliente becomes a distributor of the CM."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.paso import exigir_paso
from services.gateway.schemas import PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c

blp = Blueprint("conversiones", __name__, description="Conversión de clientes en distribuidores")


@blp.route("/v1/conversiones")
class Conversiones(MethodView):
    @requiere_sesion
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.ConversionHecha)))
    def get(self, args: dict[str, Any]) -> Any:
        """Clientes que la cuenta convirtió en distribuidores, con las notas y el precio que les tenía."""
        return llamar(c.LISTAR_CONVERSIONES, c.ListarConversiones(cuenta_id=actual().cuenta_id, **args))


@blp.route("/v1/clientes/<int:nic>/conversion")
class UnaConversion(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(esquema_de(c.ConvertirCliente, "nic"))
    @blp.response(201, esquema_de(c.Conversion))
    def post(self, datos: dict[str, Any], nic: int) -> Any:
        """Convierte un cliente en distribuidor de la cuenta, con sus CTI, saldos e historia. Irreversible.

        Si el cliente tiene perfil principal, éste será el titular. Si no, indique el correo y el móvil de quien lo
        será: le llegará un correo para confirmarlo. Necesita el MKL Multi-nivel.
        """
        exigir_paso()
        yo = actual()
        return llamar(
            c.CONVERTIR_CLIENTE,
            c.ConvertirCliente(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                # A number that no bigint holds is nobody's NIC: let it be one that does not exist.
                nic=nic if nic < 2**63 else 0,
                **datos,
            ),
        )
