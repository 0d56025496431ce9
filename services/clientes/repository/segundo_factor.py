"""SQL of second factors: each decision on one holds its row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain import SegundoFactorGuardado
from services.clientes.repository.base import Base

_COLUMNAS = "perfil_id, secreto, creado_en, confirmado_en, ultimo_paso, fallos, bloqueado_hasta"
_LEER = f"SELECT {_COLUMNAS} FROM segundos_factores WHERE perfil_id = :perfil_id"
# One that asks for codes is never replaced: it has to be removed first, with a code of its own.
_GUARDAR = text(
    "INSERT INTO segundos_factores (perfil_id, secreto, creado_en) VALUES (:perfil_id, :secreto, :ahora)"
    " ON CONFLICT (perfil_id) DO UPDATE SET secreto = excluded.secreto, creado_en = excluded.creado_en,"
    " ultimo_paso = 0, fallos = 0, bloqueado_hasta = NULL WHERE segundos_factores.confirmado_en IS NULL"
    " RETURNING perfil_id"
)
_ACEPTAR = text(
    "UPDATE segundos_factores SET ultimo_paso = greatest(ultimo_paso, :paso), fallos = 0, bloqueado_hasta = NULL,"
    " confirmado_en = coalesce(confirmado_en, :ahora) WHERE perfil_id = :perfil_id"
)
_CONTAR = text(
    "UPDATE segundos_factores SET fallos = :fallos, bloqueado_hasta = :bloqueado_hasta WHERE perfil_id = :perfil_id"
)
_BORRAR = text("DELETE FROM segundos_factores WHERE perfil_id = :perfil_id")
_BORRAR_CODIGOS = text("DELETE FROM codigos_de_recuperacion WHERE perfil_id = :perfil_id")
_AGREGAR_CODIGOS = text(
    "INSERT INTO codigos_de_recuperacion (perfil_id, huella)"
    " SELECT :perfil_id, unnest(CAST(:huellas AS bytea[]))"
)
# The update is the test: of two that bring the same code, one gets the row.
_USAR_CODIGO = text(
    "UPDATE codigos_de_recuperacion SET usado_en = :ahora WHERE perfil_id = :perfil_id AND huella = :huella"
    " AND usado_en IS NULL RETURNING perfil_id"
)
_RESTANTES = text(
    "SELECT count(*) FROM codigos_de_recuperacion WHERE perfil_id = :perfil_id AND usado_en IS NULL"
)
_MARCAR = text("UPDATE sesiones SET segundo_factor_en = :en WHERE sesion_id = :sesion_id")
_DE_SESION = text(
    "SELECT s.segundo_factor_en, f.confirmado_en IS NOT NULL AS activo FROM sesiones s"
    " LEFT JOIN segundos_factores f ON f.perfil_id = s.perfil_id WHERE s.sesion_id = :sesion_id"
)
_RESPONDIDA = text("SELECT EXISTS (SELECT FROM idempotency WHERE contrato = :contrato AND clave = :clave)")


class SegundosFactores(Base):
    """The secret is sealed before it comes here; of codes of recovery only hashes do."""

    def segundo_factor(self, perfil_id: UUID, *, bloquear: bool = False) -> SegundoFactorGuardado | None:
        sql = text(f"{_LEER} FOR UPDATE" if bloquear else _LEER)
        fila = self.session.execute(sql, {"perfil_id": perfil_id}).one_or_none()
        return None if fila is None else SegundoFactorGuardado(**fila._mapping)

    def guardar_segundo_factor(self, perfil_id: UUID, secreto: str, ahora: datetime) -> bool:
        """A new secret to confirm, in place of another such; False when one is confirmed."""
        datos = {"perfil_id": perfil_id, "secreto": secreto, "ahora": ahora}
        return self.session.execute(_GUARDAR, datos).first() is not None

    def aceptar_paso(self, perfil_id: UUID, paso: int, ahora: datetime) -> None:
        """No code of this step or an earlier one is accepted again. Ends the count of failures, and confirms."""
        self.session.execute(_ACEPTAR, {"perfil_id": perfil_id, "paso": paso, "ahora": ahora})

    def contar_fallos(self, perfil_id: UUID, fallos: int, bloqueado_hasta: datetime | None) -> None:
        self.session.execute(
            _CONTAR, {"perfil_id": perfil_id, "fallos": fallos, "bloqueado_hasta": bloqueado_hasta}
        )

    def borrar_segundo_factor(self, perfil_id: UUID) -> None:
        """With its codes of recovery."""
        self.session.execute(_BORRAR, {"perfil_id": perfil_id})

    def poner_codigos(self, perfil_id: UUID, huellas: Sequence[bytes]) -> None:
        """In place of those that there were, used or not."""
        self.session.execute(_BORRAR_CODIGOS, {"perfil_id": perfil_id})
        self.session.execute(_AGREGAR_CODIGOS, {"perfil_id": perfil_id, "huellas": list(huellas)})

    def usar_codigo(self, perfil_id: UUID, huella: bytes, ahora: datetime) -> bool:
        """A code of recovery, once."""
        datos = {"perfil_id": perfil_id, "huella": huella, "ahora": ahora}
        return self.session.execute(_USAR_CODIGO, datos).first() is not None

    def codigos_restantes(self, perfil_id: UUID) -> int:
        return int(self.session.execute(_RESTANTES, {"perfil_id": perfil_id}).scalar_one())

    def marcar_segundo_factor(self, sesion_id: UUID, en: datetime) -> None:
        """This session showed its second factor."""
        self.session.execute(_MARCAR, {"sesion_id": sesion_id, "en": en})

    def segundo_factor_de_sesion(self, sesion_id: UUID) -> tuple[bool, datetime | None]:
        """Whether the session's perfil has a second factor, and when the session last showed it."""
        fila = self.session.execute(_DE_SESION, {"sesion_id": sesion_id}).one_or_none()
        return (False, None) if fila is None else (bool(fila.activo), fila.segundo_factor_en)

    def ya_respondida(self, contrato: str, clave: str) -> bool:
        """A request with this key was served: its repeat gets the first answer, and tries no code or password."""
        return bool(self.session.execute(_RESPONDIDA, {"contrato": contrato, "clave": clave}).scalar_one())
