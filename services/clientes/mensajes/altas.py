"""What someone reads by mail who asked for an account of distributor on an external site."""

from __future__ import annotations

from services.clientes.domain.correos import Mensaje


def no_se_pudo(cuenta: str, padre: str, motivo: str) -> Mensaje:
    """To the correo that was given, and to nobody else: the page says the same to everyone."""
    return Mensaje(
        asunto="No pudimos completar su registro como distribuidor",
        parrafos=(
            f"Alguien pidió con este correo el registro de «{cuenta}» como distribuidor de {padre}.",
            f"No se pudo completar: {motivo}",
            "Si fue usted, corrija los datos y regístrese de nuevo, o comuníquese con quien le invitó.",
            "Si no fue usted, ignore este correo: no se creó ni cambió nada.",
        ),
        sin_secretos=True,
    )
