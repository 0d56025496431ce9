"""SQL of the mails that wait to be sent."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import text

from services.clientes.domain import CorreoEscrito
from services.clientes.repository.base import Base

_AGREGAR = text(
    "INSERT INTO correos (correo_id, clave, para, asunto, texto, html) VALUES (:id, :clave, :para, :asunto, :texto,"
    " :html) ON CONFLICT (clave) DO NOTHING"
)


class Correos(Base):
    """A mail is written in the transaction of what it tells."""

    def agregar_correo(self, correo: CorreoEscrito) -> None:
        self.session.execute(_AGREGAR, {"id": uuid4(), **correo.__dict__})
