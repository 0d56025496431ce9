"""SQL of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.clientes.repository.base import Base

_ANOTAR = text(
    "WITH a AS (INSERT INTO auditoria (id, cuenta_id, en, accion, actor_tipo, actor, ip, correlacion, objeto,"
    " resultado, detalle) VALUES (:id, :cuenta_id, :en, :accion, :actor_tipo, :actor, :ip, :correlacion, :objeto,"
    " :resultado, :detalle) ON CONFLICT DO NOTHING RETURNING id)"
    " INSERT INTO auditoria_por_sellar (asiento_id) SELECT id FROM a"
)
_OLVIDAR_ENTREGAS = text(
    "DELETE FROM inbox WHERE (evento_id, manejador) IN (SELECT evento_id, manejador FROM inbox"
    " WHERE manejador = 'anotar_asiento' AND recibido_en < :antes ORDER BY recibido_en LIMIT :limite"
    " FOR UPDATE SKIP LOCKED)"
)
_PAGINA = (
    "SELECT a.id, a.en, to_char(a.en AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS en_texto, a.accion,"
    " a.actor_tipo, a.actor, a.ip, a.correlacion, a.objeto, a.resultado, a.detalle, a.cuenta_id, c.secuencia,"
    " c.anterior, c.sello FROM auditoria a LEFT JOIN auditoria_cadena c ON c.asiento_id = a.id WHERE "
)
_FILTROS = {
    "actor": "a.actor = :actor",
    "accion": "a.accion = :accion",
    "objeto": "a.objeto = :objeto",
    "desde": "a.en >= :desde",
    "hasta": "a.en < :hasta",
}


class Auditoria(Base):
    """SQL of the audit log."""

    def anotar_asiento(self, asiento: Mapping[str, Any]) -> None:
        """Keep an entry and queue it for the sealer; one that is there already stays as it is."""
        self.session.execute(_ANOTAR, asiento)

    def olvidar_entregas_de_asientos(self, antes: datetime, limite: int) -> int:
        """Forget up to `limite` deliveries of entries from before that time; answers how many."""
        hecho = self.session.execute(_OLVIDAR_ENTREGAS, {"antes": antes, "limite": limite})
        return int(hecho.rowcount)  # type: ignore[attr-defined]

    def pagina_auditoria(
        self,
        cuenta_id: UUID | None,
        filtros: Mapping[str, Any],
        despues: tuple[datetime, UUID] | None,
        limite: int,
    ) -> list[Any]:
        """Entries of a CM (None: of the platform), newest first, after a position."""
        sql, params = consulta_de_auditoria(cuenta_id, filtros, despues, limite)
        return list(self.session.execute(text(sql), params))


def consulta_de_auditoria(
    cuenta_id: UUID | None, filtros: Mapping[str, Any], despues: tuple[datetime, UUID] | None, limite: int
) -> tuple[str, dict[str, Any]]:
    """The page's statement and its parameters, apart so that a test can ask PostgreSQL for its plan."""
    puestos = {k: v for k, v in filtros.items() if v is not None}
    condiciones = ["a.cuenta_id IS NULL" if cuenta_id is None else "a.cuenta_id = :cuenta_id"]
    condiciones += [_FILTROS[k] for k in puestos]
    params: dict[str, Any] = {"limite": limite, **puestos}
    if cuenta_id is not None:
        params["cuenta_id"] = cuenta_id
    if despues is not None:
        condiciones.append("(a.en, a.id) < (:en_, :id_)")
        params |= {"en_": despues[0], "id_": despues[1]}
    return f"{_PAGINA}{' AND '.join(condiciones)} ORDER BY a.en DESC, a.id DESC LIMIT :limite", params
