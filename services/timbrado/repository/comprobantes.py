"""SQL of the stamped documents as their owners look them up: one by its folio, and a CTI's by date."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.repository.base import Base

_ONE = (
    "SELECT t.uuid, t.idd, t.tipo, t.emisor, t.receptor, t.total, t.pac, t.terminado_en, t.xml, t.tfd"
    " FROM timbrados t"
)
_PAGE = (
    "SELECT t.id, t.uuid, t.idd, t.estado, k.estado AS cancelacion, t.emisor, t.receptor, t.tipo, t.total, t.pac,"
    " t.rechazo, t.creado_en, t.terminado_en FROM timbrados t {join} cancelaciones k ON k.uuid = t.uuid"
    " AND k.estado <> 'rechazada' WHERE t.cti = :cti"
)
#: Filter → its condition. Each is bound; the page's own order is an index (cti, creado_en, id).
_FILTERS = {
    "desde": "t.creado_en >= :desde",
    "hasta": "t.creado_en < :hasta",
    "emisor": "t.emisor = :emisor",
    "receptor": "t.receptor = :receptor",
    "uuid": "t.uuid = :uuid",
    "idd": "t.idd = :idd AND t.estado <> 'rechazado'",
}
#: `estado` of the list → condition, and whether only documents with a live cancellation can match.
_STATES = {
    "pendiente": ("t.estado = 'pendiente'", False),
    "rechazado": ("t.estado = 'rechazado'", False),
    "timbrado": ("t.estado = 'timbrado' AND k.estado IS DISTINCT FROM 'cancelada'", False),
    "cancelado": ("k.estado = 'cancelada' AND k.cti = :cti", True),
}


class Comprobantes(Base):
    """Stamped documents: one, or a page of a CTI's."""

    def comprobante(self, cti: str, uuid_o_idd: str) -> Any:
        """A document of this CTI, stamped or under way, by UUID or by the caller's idd; None if there is none."""
        try:
            clave: dict[str, Any] = {"uuid": UUID(uuid_o_idd)}
            donde = "t.uuid = :uuid"
        except ValueError:
            clave, donde = {"idd": uuid_o_idd}, "t.idd = :idd"
        return self._session.execute(
            text(f"{_ONE} WHERE t.cti = :cti AND {donde} AND t.estado <> 'rechazado'"), {"cti": cti, **clave}
        ).first()

    def comprobante_de(self, cuenta_id: UUID, uuid: UUID) -> Any:
        """A stamped document of a CTI of this CM; None if it is not there or is someone else's."""
        return self._session.execute(
            text(
                f"{_ONE} JOIN ctis c ON c.id = t.cti WHERE t.uuid = :uuid AND c.cuenta_id = :cuenta_id"
                " AND t.estado = 'timbrado'"
            ),
            {"uuid": uuid, "cuenta_id": cuenta_id},
        ).first()

    def pagina_comprobantes(
        self,
        cti: str,
        filtros: dict[str, Any],
        estado: str | None,
        despues: tuple[datetime, UUID] | None,
        limite: int,
    ) -> list[Any]:
        """A CTI's documents, newest first, after a position. `filtros` of `_FILTERS`; those that are None don't count."""
        sql, params = consulta_de_pagina(cti, filtros, estado, despues, limite)
        return list(self._session.execute(text(sql), params))


def consulta_de_pagina(
    cti: str, filtros: dict[str, Any], estado: str | None, despues: tuple[datetime, UUID] | None, limite: int
) -> tuple[str, dict[str, Any]]:
    """The page's statement and its parameters, apart so that a test can ask PostgreSQL for its plan."""
    puestos = {nombre: valor for nombre, valor in filtros.items() if valor is not None}
    condiciones = [_FILTERS[nombre] for nombre in puestos]
    solo_canceladas = False
    if estado is not None:
        condicion, solo_canceladas = _STATES[estado]
        condiciones.append(condicion)
    params: dict[str, Any] = {"cti": cti, "limite": limite, **puestos}
    if despues is not None:
        condiciones.append("(t.creado_en, t.id) < (:en, :id)")
        params |= {"en": despues[0], "id": despues[1]}
    sql = _PAGE.format(join="JOIN" if solo_canceladas else "LEFT JOIN")
    donde = "".join(f" AND {c}" for c in condiciones)
    return f"{sql}{donde} ORDER BY t.creado_en DESC, t.id DESC LIMIT :limite", params
