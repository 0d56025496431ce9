"""Mails about privacy."""

from __future__ import annotations

from services.clientes.domain import Mensaje


def perfil_suprimido() -> Mensaje:
    """The last mail to a person; says no name, since none is kept."""
    return Mensaje(
        asunto="Sus datos personales fueron suprimidos",
        parrafos=(
            (
                "Su perfil de Cuenta Maestra y sus datos personales se suprimieron, como lo pidió. Ya no puede iniciar"
                " sesión, y no se puede deshacer."
            ),
            (
                "Se conserva el registro de auditoría, con un número interno, las direcciones de red desde las que actuó y"
                " datos abreviados (iniciales, dominio del correo, últimos dígitos del móvil), y la constancia de los"
                " avisos de privacidad que aceptó."
            ),
            "Este correo es el último: su dirección también se borra en cuanto se envía.",
        ),
    )
