"""SQL of API keys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain import LlaveGuardada, LlaveVigente
from services.clientes.repository.base import Base
from shared.pagination import Posicion

_COLUMNAS = (
    "llave_id, cuenta_id, nombre, huella, alcances, CAST(redes AS text[]) AS redes, creada_por, creada_en,"
    " vence_en, usada_en, usada_ip, revocada_en"
)
_CONTAR = text(
    "SELECT (SELECT count(*) FROM llaves_api WHERE cuenta_id = c.cuenta_id AND revocada_en IS NULL"
    "  AND (vence_en IS NULL OR vence_en > :en))"
    " FROM cuentas_maestras c WHERE c.cuenta_id = :cuenta_id"
)
_AGREGAR = text(
    "INSERT INTO llaves_api (llave_id, cuenta_id, nombre, huella, alcances, redes, creada_por, creada_en, vence_en)"
    " VALUES (:llave_id, :cuenta_id, :nombre, :huella, CAST(:alcances AS text[]), CAST(:redes AS cidr[]),"
    " :creada_por, :creada_en, :vence_en)"
)
_LISTAR = text(
    f"SELECT {_COLUMNAS} FROM llaves_api WHERE cuenta_id = :cuenta_id AND (:revocadas OR revocada_en IS NULL)"
    " AND (CAST(:desde_en AS timestamptz) IS NULL"
    "  OR (creada_en, llave_id) < (CAST(:desde_en AS timestamptz), CAST(:desde_id AS uuid)))"
    " ORDER BY creada_en DESC, llave_id DESC LIMIT :limite"
)
_REVOCAR = text(
    "UPDATE llaves_api SET revocada_en = coalesce(revocada_en, :en), revocada_por = coalesce(revocada_por, :por)"
    f" WHERE llave_id = :llave_id AND cuenta_id = :cuenta_id RETURNING {_COLUMNAS}"
)
_VERIFICAR = text(
    "SELECT k.huella, k.nombre, k.cuenta_id, k.alcances, CAST(k.redes AS text[]) AS redes, k.vence_en, k.usada_en,"
    " k.revocada_en, c.estado, c.padre_id IS NULL AS es_raiz"
    " FROM llaves_api k JOIN cuentas_maestras c USING (cuenta_id) WHERE k.llave_id = :llave_id"
)
_USO = text(
    "UPDATE llaves_api SET usada_en = :en, usada_ip = :ip WHERE llave_id ="
    " (SELECT llave_id FROM llaves_api WHERE llave_id = :llave_id AND (usada_en IS NULL OR usada_en <= :antes)"
    " FOR UPDATE SKIP LOCKED)"
)


class LlavesApi(Base):
    """Keys of cuentas maestras, each looked up by its id."""

    def contar_llaves(self, cuenta_id: UUID, en: datetime) -> int:
        """Keys of a CM that serve; the caller has its turn, so that the count still holds at the insert."""
        return int(self.session.scalar(_CONTAR, {"cuenta_id": cuenta_id, "en": en}) or 0)

    def agregar_llave(self, llave: LlaveGuardada) -> None:
        self.session.execute(_AGREGAR, llave.__dict__)

    def llaves(
        self, cuenta_id: UUID, *, revocadas: bool, desde: Posicion | None, limite: int
    ) -> list[LlaveGuardada]:
        filas = self.session.execute(
            _LISTAR,
            {
                "cuenta_id": cuenta_id,
                "revocadas": revocadas,
                "desde_en": desde.en if desde else None,
                "desde_id": desde.id if desde else None,
                "limite": limite,
            },
        )
        return [LlaveGuardada(**fila._mapping) for fila in filas]

    def revocar_llave(
        self, cuenta_id: UUID, llave_id: UUID, *, por: UUID, en: datetime
    ) -> LlaveGuardada | None:
        """The key, revoked now or before; None when the CM has no such key."""
        fila = self.session.execute(
            _REVOCAR, {"cuenta_id": cuenta_id, "llave_id": llave_id, "por": por, "en": en}
        ).one_or_none()
        return None if fila is None else LlaveGuardada(**fila._mapping)

    def llave_vigente(self, llave_id: UUID) -> LlaveVigente | None:
        """A key and the state of its CM, in one query, whether or not it still serves."""
        fila = self.session.execute(_VERIFICAR, {"llave_id": llave_id}).one_or_none()
        return None if fila is None else LlaveVigente(**fila._mapping)

    def anotar_uso_de_llave(self, llave_id: UUID, *, en: datetime, antes: datetime, ip: str) -> None:
        """Where and when it was last used, unless that was after `antes`; nobody waits for a note."""
        self.session.execute(_USO, {"llave_id": llave_id, "en": en, "antes": antes, "ip": ip})
