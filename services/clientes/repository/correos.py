"""SQL of the mails: waiting, sent, given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from services.clientes.domain import CorreoEscrito, CorreoGuardado, CorreoTomado
from services.clientes.repository.base import Base
from shared.pagination import Posicion

_AGREGAR = text(
    "INSERT INTO correos (correo_id, clave, para, asunto, texto, html, secreto, efimero, perfil_id, sobre_perfil_id)"
    " VALUES (:id, :clave, :para, :asunto, :texto, :html, :secreto, :efimero, :perfil_id, :sobre_perfil_id)"
    " ON CONFLICT (clave) DO NOTHING"
)
# Taking is a commit of its own, and the next turn is set before the mail leaves: whoever dies on the way leaves a
# row that another takes when the time of one sending has passed, and that does not do so for ever.
_TOMAR = text(
    "UPDATE correos c SET intentos = intentos + 1, siguiente_en = :hasta"
    " FROM (SELECT correo_id FROM correos WHERE estado = 'pendiente' AND siguiente_en <= :ahora"
    " ORDER BY siguiente_en LIMIT 1 FOR UPDATE SKIP LOCKED) t WHERE c.correo_id = t.correo_id"
    " RETURNING c.correo_id, c.para, c.asunto, c.texto, c.html, c.intentos, c.creado_en"
)
_TERMINAR = "texto = '', html = '', para = CASE WHEN efimero THEN '' ELSE para END"
_ENVIADO = text(
    f"UPDATE correos SET estado = 'enviado', enviado_en = :ahora, error = NULL, {_TERMINAR}"
    " WHERE correo_id = :id AND estado = 'pendiente'"
)
_POSPUESTO = text(
    "UPDATE correos SET siguiente_en = :en, error = :error WHERE correo_id = :id AND estado = 'pendiente'"
)
_FALLIDO = text(
    "UPDATE correos SET estado = 'fallido', error = :error, para = CASE WHEN efimero THEN '' ELSE para END,"
    " texto = CASE WHEN secreto OR efimero THEN '' ELSE texto END,"
    " html = CASE WHEN secreto OR efimero THEN '' ELSE html END"
    " WHERE correo_id = :id AND estado = 'pendiente'"
)
_COLUMNAS = (
    "correo_id, para, asunto, estado, intentos, siguiente_en, enviado_en, error, creado_en,"
    " estado = 'fallido' AND texto <> '' AS reintentable"
)
_UNO = text(f"SELECT {_COLUMNAS} FROM correos WHERE correo_id = :id FOR UPDATE")
_DE_NUEVO = text(
    "UPDATE correos SET estado = 'pendiente', intentos = 0, siguiente_en = :ahora WHERE correo_id = :id"
    f" RETURNING {_COLUMNAS}"
)
_OLVIDAR = text(
    "DELETE FROM correos WHERE correo_id IN (SELECT correo_id FROM correos"
    " WHERE (estado = 'enviado' AND creado_en < :enviados) OR (estado = 'fallido' AND creado_en < :fallidos)"
    " ORDER BY creado_en LIMIT :limite FOR UPDATE SKIP LOCKED)"
)
_ADOPTAR = text(
    "UPDATE correos SET perfil_id = :perfil_id WHERE para = :para AND (perfil_id IS NULL OR perfil_id = :perfil_id)"
)
_OLVIDAR_A = text("DELETE FROM correos WHERE para = :para")


class Correos(Base):
    """A mail is written in the transaction of what it tells."""

    def agregar_correo(self, correo: CorreoEscrito) -> None:
        """Queue it, unless its `clave` is there already."""
        self.session.execute(_AGREGAR, {"id": uuid4(), **correo.__dict__})

    def tomar_correo(self, ahora: datetime, plazo: timedelta) -> CorreoTomado | None:
        """Take the mail that is due longest; nobody else gets it before `plazo` has passed."""
        fila = self.session.execute(_TOMAR, {"ahora": ahora, "hasta": ahora + plazo}).one_or_none()
        return None if fila is None else CorreoTomado(**fila._mapping)

    def correo_enviado(self, correo_id: UUID, ahora: datetime) -> None:
        """Note that it was sent; its text goes."""
        self.session.execute(_ENVIADO, {"id": correo_id, "ahora": ahora})

    def correo_pospuesto(self, correo_id: UUID, en: datetime, error: str) -> None:
        """Another try at `en`."""
        self.session.execute(_POSPUESTO, {"id": correo_id, "en": en, "error": error})

    def correo_fallido(self, correo_id: UUID, error: str) -> None:
        """Give it up; its text goes if it holds a secret."""
        self.session.execute(_FALLIDO, {"id": correo_id, "error": error})

    def correos(self, estado: str | None, despues: Posicion | None, limite: int) -> list[CorreoGuardado]:
        """Newest first."""
        condiciones, valores = ["true"], dict[str, Any](limite=limite)
        if estado is not None:
            condiciones.append("estado = :estado")
            valores["estado"] = estado
        if despues is not None:
            condiciones.append("(creado_en, correo_id) < (:en, :id)")
            valores |= {"en": despues.en, "id": despues.id}
        filas = self.session.execute(
            text(
                f"SELECT {_COLUMNAS} FROM correos WHERE {' AND '.join(condiciones)}"
                " ORDER BY creado_en DESC, correo_id DESC LIMIT :limite"
            ),
            valores,
        )
        return [CorreoGuardado(**fila._mapping) for fila in filas]

    def correo(self, correo_id: UUID) -> CorreoGuardado | None:
        """One mail, locked."""
        fila = self.session.execute(_UNO, {"id": correo_id}).one_or_none()
        return None if fila is None else CorreoGuardado(**fila._mapping)

    def correo_de_nuevo(self, correo_id: UUID, ahora: datetime) -> CorreoGuardado:
        """A locked mail that was given up waits again, with all its tries."""
        fila = self.session.execute(_DE_NUEVO, {"id": correo_id, "ahora": ahora}).one()
        return CorreoGuardado(**fila._mapping)

    def olvidar_correos(self, enviados: datetime, fallidos: datetime, limite: int) -> int:
        """Delete up to `limite` that were written before those times; answers how many."""
        hecho = self.session.execute(_OLVIDAR, {"enviados": enviados, "fallidos": fallidos, "limite": limite})
        return int(hecho.rowcount)  # type: ignore[attr-defined]

    def adoptar_correos(self, perfil_id: UUID, para: str) -> None:
        """Mails to an address that a perfil gives up stay known as its own."""
        self.session.execute(_ADOPTAR, {"perfil_id": perfil_id, "para": para})

    def olvidar_correos_a(self, para: str) -> None:
        """Delete every mail to an address, also those that wait."""
        self.session.execute(_OLVIDAR_A, {"para": para})
