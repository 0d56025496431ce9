"""SQL of registering: claims that several may have until one confirms, and how often mails were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from services.clientes.domain import PerfilGuardado, huella_de
from services.clientes.models import Perfil
from services.clientes.repository.base import Base, tabla

_RECIENTES = text(
    "SELECT count(*) FROM tokens WHERE proposito = :proposito AND sujeto = :sujeto AND creado_en > :desde"
)
_RIVALES = text(
    "SELECT EXISTS (SELECT FROM perfiles WHERE correo = :correo AND confirmado_en IS NULL AND perfil_id <> :perfil_id)"
)
_MIRAR = text(
    "SELECT proposito, sujeto, datos, vence_en, usado_en FROM tokens WHERE huella = :huella"
    " AND proposito = ANY(CAST(:propositos AS text[]))"
)
_PENDIENTE = text(
    "SELECT datos->>'correo' FROM tokens WHERE proposito = 'cambio_correo' AND sujeto = :sujeto AND usado_en IS NULL"
    " AND vence_en > :ahora ORDER BY creado_en DESC LIMIT 1"
)
# In lots, and what another replica holds is left to it.
_BORRAR_PERFILES = text(
    "WITH viejos AS (SELECT perfil_id FROM perfiles WHERE confirmado_en IS NULL AND creado_en < :antes"
    " ORDER BY creado_en LIMIT :limite FOR UPDATE SKIP LOCKED)"
    " DELETE FROM perfiles p USING viejos v WHERE p.perfil_id = v.perfil_id RETURNING p.perfil_id"
)
_BORRAR_TOKENS = text(
    "WITH viejos AS (SELECT huella FROM tokens WHERE vence_en < :antes ORDER BY vence_en LIMIT :limite"
    " FOR UPDATE SKIP LOCKED) DELETE FROM tokens t USING viejos v WHERE t.huella = v.huella RETURNING t.huella"
)
_BORRAR_RIVALES = text(
    "DELETE FROM perfiles WHERE correo = :correo AND confirmado_en IS NULL AND perfil_id <> :perfil_id"
)


@dataclass(frozen=True, kw_only=True)
class TokenVisto:
    """A token as it is, also when it can't be used any more."""

    proposito: str
    sujeto: str
    datos: dict[str, Any]
    vence_en: datetime
    usado_en: datetime | None


class Registros(Base):
    """An unconfirmed perfil is a claim: it takes neither correo nor móvil from anybody."""

    def perfil_por_correo(self, correo: str) -> PerfilGuardado | None:
        """Its owner."""
        return self.una(
            PerfilGuardado,
            select(tabla(Perfil)).where(Perfil.correo == correo, Perfil.confirmado_en.is_not(None)),
        )

    def perfil_por_movil(self, movil: str) -> PerfilGuardado | None:
        """Its owner."""
        return self.una(
            PerfilGuardado,
            select(tabla(Perfil)).where(Perfil.movil == movil, Perfil.confirmado_en.is_not(None)),
        )

    def ultimo_sin_confirmar(self, correo: str) -> PerfilGuardado | None:
        """The latest claim of a correo, which need not be of who asks."""
        return self.una(
            PerfilGuardado,
            select(tabla(Perfil))
            .where(Perfil.correo == correo, Perfil.confirmado_en.is_(None))
            .order_by(Perfil.creado_en.desc())
            .limit(1),
        )

    def tiene_rivales(self, perfil: PerfilGuardado) -> bool:
        """Whether others claim the correo of a claim."""
        datos = {"correo": perfil.correo, "perfil_id": perfil.perfil_id}
        return bool(self.session.execute(_RIVALES, datos).scalar_one())

    def tokens_recientes(self, proposito: str, sujeto: str, desde: datetime) -> int:
        datos = {"proposito": proposito, "sujeto": sujeto, "desde": desde}
        return int(self.session.execute(_RECIENTES, datos).scalar_one())

    def mirar_token(self, token: str, propositos: list[str]) -> TokenVisto | None:
        fila = self.session.execute(
            _MIRAR, {"huella": huella_de(token), "propositos": propositos}
        ).one_or_none()
        return None if fila is None else TokenVisto(**fila._mapping)

    def cambiar_perfil(self, perfil_id: UUID, cambios: dict[str, Any]) -> bool:
        """False, and nothing changed, when another has the correo or the móvil. The caller holds the row."""
        try:
            with self.session.begin_nested():
                self.session.execute(update(Perfil).where(Perfil.perfil_id == perfil_id).values(**cambios))
        except IntegrityError as exc:
            nombre = getattr(getattr(exc.orig, "diag", None), "constraint_name", "")
            if nombre not in {"uq_perfiles_correo", "uq_perfiles_movil"}:
                raise
            return False
        return True

    def borrar_rivales(self, perfil: PerfilGuardado) -> None:
        """Other claims of a correo that has its owner now."""
        self.session.execute(_BORRAR_RIVALES, {"correo": perfil.correo, "perfil_id": perfil.perfil_id})

    def correo_pendiente(self, perfil_id: UUID, ahora: datetime) -> str | None:
        """The correo that a perfil asked for and has not confirmed."""
        pendiente: str | None = self.session.execute(
            _PENDIENTE, {"sujeto": str(perfil_id), "ahora": ahora}
        ).scalar_one_or_none()
        return pendiente

    def borrar_sin_confirmar(self, antes: datetime, limite: int) -> int:
        return len(self.session.execute(_BORRAR_PERFILES, {"antes": antes, "limite": limite}).all())

    def borrar_tokens(self, antes: datetime, limite: int) -> int:
        return len(self.session.execute(_BORRAR_TOKENS, {"antes": antes, "limite": limite}).all())
