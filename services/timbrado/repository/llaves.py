"""SQL of a CTI's generated keys and of its limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain import LLAVES_MAXIMAS
from services.timbrado.domain.limites import Limites
from services.timbrado.repository.base import Base
from shared.pagination import Posicion

_COLUMNS = "id, nombre, termina_en, creada_en, usada_el, revocada_en"
#: The lowest free place, or none: the caller holds the CTI's account, so nobody takes it meanwhile.
_CREATE = text(
    "INSERT INTO llaves_cti (cti, nombre, huella, termina_en, lugar, actor)"
    " SELECT :cti, :nombre, :huella, :termina_en, n, :actor FROM generate_series(1, :maximo) n"
    " WHERE NOT EXISTS (SELECT FROM llaves_cti WHERE cti = :cti AND lugar = n AND revocada_en IS NULL)"
    " ORDER BY n LIMIT 1 RETURNING id"
)
_PAGE = f"SELECT {_COLUMNS} FROM llaves_cti WHERE cti = :cti"
_REVOKE = text(
    "UPDATE llaves_cti SET revocada_en = now() WHERE id = :id AND cti = :cti AND revocada_en IS NULL RETURNING id"
)
_USED = text(
    "WITH tomadas AS (SELECT k.id, u.dia FROM llaves_cti k"
    " JOIN unnest(CAST(:ids AS uuid[]), CAST(:dias AS date[])) u(id, dia) ON u.id = k.id"
    " WHERE k.usada_el IS NULL OR k.usada_el < u.dia ORDER BY k.id FOR UPDATE OF k)"
    " UPDATE llaves_cti k SET usada_el = greatest(k.usada_el, t.dia) FROM tomadas t WHERE k.id = t.id"
)
_LIMITS = text("SELECT por_minuto, rfcs, redes, tope_por_hora FROM ctis WHERE id = :cti")
_PUT_LIMITS = text(
    "UPDATE ctis SET por_minuto = :por_minuto, rfcs = :rfcs, redes = :redes, tope_por_hora = :tope_por_hora"
    " WHERE id = :cti"
)


class Llaves(Base):
    """Keys and limits, by CTI."""

    def crear_llave(self, cti: str, nombre: str, huella: bytes, termina_en: str, actor: str) -> UUID | None:
        """A key by its SHA-256; None when the CTI has as many as it may. The caller holds its account's lock."""
        id_: UUID | None = self._session.execute(
            _CREATE,
            {
                "cti": cti,
                "nombre": nombre,
                "huella": huella,
                "termina_en": termina_en,
                "actor": actor or "sistema",
                "maximo": LLAVES_MAXIMAS,
            },
        ).scalar()
        return id_

    def llave(self, cti: str, id_: UUID) -> dict[str, Any] | None:
        """One key of a CTI, without itself."""
        row = self._session.execute(text(f"{_PAGE} AND id = :id"), {"cti": cti, "id": id_}).first()
        return dict(row._mapping) if row else None

    def pagina_llaves(self, cti: str, limite: int, despues: Posicion | None) -> list[dict[str, Any]]:
        """Keys of a CTI, newest first."""
        where = " AND (creada_en, id) < (:en, :id)" if despues else ""
        rows = self._session.execute(
            text(f"{_PAGE}{where} ORDER BY creada_en DESC, id DESC LIMIT :limite"),
            {"cti": cti, "limite": limite} | ({"en": despues.en, "id": despues.id} if despues else {}),
        )
        return [dict(r._mapping) for r in rows]

    def revocar_llave(self, cti: str, id_: UUID) -> bool:
        """End a key; False when it had ended. The caller bumps the account's version in the same transaction."""
        return self._session.execute(_REVOKE, {"cti": cti, "id": id_}).scalar() is not None

    def llaves_usadas(self, usos: Mapping[UUID, date]) -> None:
        """The last day of use of each key; an earlier day than the known one changes nothing."""
        ids = list(usos)
        self._session.execute(_USED, {"ids": ids, "dias": [usos[i] for i in ids]})

    def limites(self, cti: str) -> Limites:
        """What the CTI may be used for."""
        r = self._session.execute(_LIMITS, {"cti": cti}).one()
        return Limites(r.por_minuto, tuple(r.rfcs), tuple(r.redes), r.tope_por_hora)

    def poner_limites(self, cti: str, limites: Limites) -> None:
        """Replace them all; the caller bumps the account's version in the same transaction."""
        self._session.execute(
            _PUT_LIMITS,
            {
                "cti": cti,
                "por_minuto": limites.por_minuto,
                "rfcs": list(limites.rfcs),
                "redes": list(limites.redes),
                "tope_por_hora": limites.tope_por_hora,
            },
        )
