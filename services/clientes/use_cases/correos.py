"""Writing a mail: in the transaction of what it tells, so that neither exists without the other."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from services.clientes.domain import CorreoEscrito, Mensaje
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: Stands for the portal's public address until the mail is sent.
PORTAL = "{{portal}}"


def escribir(uow: Uow, para: str, mensaje: Mensaje, clave: str) -> None:
    """Queue a mail for `para` (a correo). The same `clave` twice is one mail."""
    enlace = f"{PORTAL}{mensaje.boton.ruta}" if mensaje.boton else ""
    partes = [*mensaje.parrafos]
    if mensaje.boton:
        partes.append(f"{mensaje.boton.texto}:\n{enlace}")
    cuerpo = "".join(f"<p>{html.escape(p)}</p>" for p in mensaje.parrafos)
    if mensaje.boton:
        cuerpo += f'<p><a href="{html.escape(enlace)}">{html.escape(mensaje.boton.texto)}</a></p>'
    uow.repo.agregar_correo(
        CorreoEscrito(clave=clave, para=para, asunto=mensaje.asunto, texto="\n\n".join(partes), html=cuerpo)
    )
