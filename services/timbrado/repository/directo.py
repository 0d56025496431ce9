"""The stamping's own SQL for the case that is nearly every case: one statement and one round trip a step.

A lot's transaction is its statement (autocommit), so a step costs one round trip and not five. What does not
fit it (no balance, a blocked CTI, a repeat) is left untouched for the long way, which can say why.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from shared.ledger.domain import Captura
from shared.ledger.ledger import CAPTURE, capture_params
from shared.persistence.base import driver_sql, new_engine

#: Accounts are locked before invoices are inserted, here and on the long way: two lots never wait for each other.
#: They are written from what the lock read (`shared/ledger/ledger.py`, `CAPTURE`).
_HOLD = driver_sql(
    "WITH pedidas AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:huellas AS bytea[]), CAST(:ctis AS text[]),"
    " CAST(:cuentas AS uuid[]), CAST(:clientes AS uuid[]), CAST(:idds AS text[]), CAST(:emisores AS text[]),"
    " CAST(:receptores AS text[]), CAST(:tipos AS text[]), CAST(:totales AS numeric[]), CAST(:sellos AS text[]),"
    " CAST(:numeros AS text[]), CAST(:xmls AS bytea[]), CAST(:libros AS bigint[]), CAST(:versiones AS integer[]),"
    " CAST(:cargos AS bigint[]))"
    " t(id, huella, cti, cuenta_id, cliente_id, idd, emisor, receptor, tipo, total, sello, no_certificado, xml,"
    " libro, version, cargo)),"
    " tomadas AS MATERIALIZED (SELECT id, saldo, retenido, bloqueada, version FROM cuentas"
    " WHERE id = ANY(:libros) AND con_limite ORDER BY id FOR UPDATE),"
    " aptas AS (SELECT t.id FROM tomadas t JOIN pedidas p ON p.libro = t.id"
    " GROUP BY t.id, t.saldo, t.retenido, t.bloqueada, t.version HAVING NOT t.bloqueada"
    " AND bool_and(p.version = t.version) AND count(*) FILTER (WHERE p.cargo IS NULL) <= t.saldo - t.retenido),"
    " nuevas AS (INSERT INTO timbrados (id, huella, cti, cuenta_id, cliente_id, idd, emisor, receptor, tipo, total,"
    " sello, no_certificado, pac, xml, tomado_hasta)"
    " SELECT p.id, huella, cti, cuenta_id, cliente_id, idd, emisor, receptor, tipo, total, sello, no_certificado,"
    " :pac, xml, now() + make_interval(secs => :plazo) FROM pedidas p JOIN aptas a ON a.id = p.libro"
    " ORDER BY huella ON CONFLICT DO NOTHING RETURNING id),"
    " retenidas AS (INSERT INTO retenciones (id, cuenta_id, cantidad)"
    " SELECT n.id, coalesce(p.cargo, p.libro), 1 FROM nuevas n JOIN pedidas p ON p.id = n.id RETURNING cuenta_id),"
    " puestas AS (UPDATE cuentas c SET saldo = t.saldo, retenido = t.retenido + n"
    " FROM (SELECT cuenta_id, count(*) AS n FROM retenidas GROUP BY cuenta_id) s JOIN tomadas t ON t.id = s.cuenta_id"
    " WHERE c.id = t.id)"
    " SELECT id FROM nuevas"
)
_STAMP = driver_sql(
    f"{CAPTURE}, marcados AS (UPDATE timbrados t SET estado = 'timbrado', uuid = u.uuid, tfd = u.tfd,"
    " terminado_en = now() FROM unnest(CAST(:ids AS uuid[]), CAST(:uuids AS uuid[]), CAST(:tfds AS bytea[]))"
    " u(id, uuid, tfd) JOIN hechos h ON h.operacion = u.id WHERE t.id = u.id AND t.estado = 'pendiente')"
    " SELECT operacion FROM hechos"
)


@cache
def motor_directo(url: str, conexiones: int) -> Engine:
    """The process's connections for these statements and the sandbox PAC's: planned once, whatever their lists."""
    return new_engine(url, conexiones, plan_once=True)


class Directo:
    """Steps of the stamping that are a transaction each."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def retener(self, filas: Sequence[dict[str, Any]], pac: str, plazo: float) -> set[UUID]:
        """Record as pendiente and hold those whose CTI can pay them all; the others are as if never asked."""
        columnas = {k: [f[k] for f in filas] for k in filas[0]}
        with self._engine.connect() as connection:
            return {r.id for r in connection.exec_driver_sql(_HOLD, {"pac": pac, "plazo": plazo, **columnas})}

    def capturar(
        self, capturas: Sequence[Captura], uuids: Sequence[UUID], tfds: Sequence[bytes]
    ) -> set[UUID]:
        """Turn holds into movements and keep their TFD; answers those made. A hold that is gone is skipped."""
        params = {**capture_params(capturas), "uuids": list(uuids), "tfds": list(tfds)}
        with self._engine.connect() as connection:
            return {r.operacion for r in connection.exec_driver_sql(_STAMP, params)}
