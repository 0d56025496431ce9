"""SQL of the automatic sales. Locks: ledger accounts in order of id, then standing orders, then the queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain.venta_automatica import Orden
from services.timbrado.repository.base import Base

#: What may be due, unlocked: the queue; what waits for stock and may have it, oldest first; what waited for a month
#: that is over; what waited for a CM that is active again. The recursions go from stock to stock, and from CM to CM, over
#: the partial indexes, so that nothing waiting costs nothing.
_DUE = text(
    "WITH RECURSIVE esperadas AS (SELECT min(existencia_id) AS id FROM ventas_automaticas WHERE espera = 'existencia'"
    " UNION ALL SELECT (SELECT min(v.existencia_id) FROM ventas_automaticas v WHERE v.espera = 'existencia'"
    " AND v.existencia_id > e.id) FROM esperadas e WHERE e.id IS NOT NULL),"
    " detenidas AS ((SELECT cuenta_id AS id FROM ventas_automaticas WHERE espera = 'cuenta' ORDER BY cuenta_id LIMIT 1)"
    " UNION ALL SELECT (SELECT v.cuenta_id FROM ventas_automaticas v WHERE v.espera = 'cuenta'"
    " AND v.cuenta_id > d.id ORDER BY v.cuenta_id LIMIT 1) FROM detenidas d WHERE d.id IS NOT NULL)"
    " (SELECT b.cuenta_id AS libro_id, v.existencia_id FROM bajo_umbral b"
    " LEFT JOIN ventas_automaticas v ON v.libro_id = b.cuenta_id ORDER BY b.desde LIMIT :limite)"
    " UNION (SELECT v.libro_id, v.existencia_id FROM esperadas e"
    " JOIN cuentas c ON c.id = e.id AND NOT c.bloqueada CROSS JOIN LATERAL"
    " (SELECT * FROM ventas_automaticas w WHERE w.espera = 'existencia' AND w.existencia_id = c.id"
    " AND w.abonar <= c.saldo - c.retenido ORDER BY w.espera_desde, w.cti LIMIT :limite) v LIMIT :limite)"
    " UNION (SELECT libro_id, existencia_id FROM ventas_automaticas WHERE espera = 'tope' AND mes < :mes LIMIT :limite)"
    " UNION (SELECT v.libro_id, v.existencia_id FROM detenidas d"
    " JOIN cuentas_maestras m ON m.cuenta_id = d.id AND m.estado = 'activo' CROSS JOIN LATERAL"
    " (SELECT * FROM ventas_automaticas w WHERE w.espera = 'cuenta' AND w.cuenta_id = m.cuenta_id"
    " ORDER BY w.cti LIMIT :limite) v LIMIT :limite)"
)
#: A row that is not there is of a CM that nothing was told of, which is active.
_INACTIVE = text(
    "SELECT cuenta_id, estado, version FROM cuentas_maestras WHERE cuenta_id = ANY(:ids) AND estado <> 'activo'"
)
_STANDING = text(
    "INSERT INTO cuentas_maestras AS c (cuenta_id, estado, version, cambiada_en) VALUES (:id, :estado, :version, :en)"
    " ON CONFLICT (cuenta_id) DO UPDATE SET estado = excluded.estado, version = excluded.version,"
    " cambiada_en = excluded.cambiada_en WHERE excluded.version > c.version"
)
_LOCK = text(
    "SELECT v.cti, c.nic, c.cliente_id, v.cuenta_id, v.libro_id, v.existencia_id, v.minimo, v.abonar, v.importe,"
    " v.tope_mensual, v.espera, v.mes, v.vendido FROM ventas_automaticas v JOIN ctis c ON c.id = v.cti"
    " WHERE v.libro_id = ANY(:libros) ORDER BY v.espera_desde NULLS LAST, v.cti FOR UPDATE OF v"
)
_UNQUEUE = text("DELETE FROM bajo_umbral WHERE cuenta_id = ANY(:libros) RETURNING cuenta_id, desde")
#: `mes` follows the calendar at each change; a new month begins with nothing sold.
_SOLD = text(
    "UPDATE ventas_automaticas v SET vendido = v.abonar + CASE WHEN v.mes = :mes THEN v.vendido ELSE 0 END,"
    " facturado = v.importe + CASE WHEN v.mes = :mes THEN v.facturado ELSE 0 END, mes = :mes, espera = NULL,"
    " espera_desde = NULL, ultima_operacion = u.operacion, ultima_venta = :ahora, ultima_cantidad = v.abonar"
    " FROM unnest(CAST(:ctis AS text[]), CAST(:operaciones AS uuid[])) u(cti, operacion) WHERE v.cti = u.cti"
)
_WAIT = text(
    "UPDATE ventas_automaticas v SET espera = u.espera,"
    " espera_desde = CASE WHEN v.espera = u.espera THEN v.espera_desde ELSE :ahora END,"
    " vendido = CASE WHEN v.mes = :mes THEN v.vendido ELSE 0 END,"
    " facturado = CASE WHEN v.mes = :mes THEN v.facturado ELSE 0 END, mes = :mes"
    " FROM unnest(CAST(:ctis AS text[]), CAST(:esperas AS text[])) u(cti, espera) WHERE v.cti = u.cti"
)
_WAKE = text(
    "UPDATE ventas_automaticas SET espera = NULL, espera_desde = NULL WHERE cti = ANY(:ctis) AND espera IS NOT NULL"
)
_THRESHOLDS = text(
    "UPDATE cuentas c SET umbral = u.umbral FROM unnest(CAST(:libros AS bigint[]), CAST(:umbrales AS bigint[]))"
    " u(id, umbral) WHERE c.id = u.id AND c.umbral IS DISTINCT FROM u.umbral"
)
_ENQUEUE = text(
    "INSERT INTO bajo_umbral (cuenta_id) SELECT id FROM cuentas WHERE id = ANY(:libros) AND saldo < umbral"
    " ON CONFLICT DO NOTHING"
)
_PUT = text(
    "INSERT INTO ventas_automaticas AS v (cti, cuenta_id, libro_id, existencia_id, minimo, abonar, importe,"
    " tope_mensual, mes, actor) SELECT c.id, c.cuenta_id, c.libro_id, :existencia, :minimo, :abonar, :importe,"
    " CAST(:tope AS bigint), :mes, :actor FROM ctis c JOIN cuentas e ON e.id = :existencia AND e.tipo = 'existencia'"
    " AND e.titular = CAST(c.cuenta_id AS text) WHERE c.id = ANY(:ctis) ORDER BY c.id"
    " ON CONFLICT (cti) DO UPDATE SET cuenta_id = excluded.cuenta_id, existencia_id = excluded.existencia_id,"
    " minimo = excluded.minimo, abonar = excluded.abonar, importe = excluded.importe,"
    " tope_mensual = excluded.tope_mensual, espera = NULL, espera_desde = NULL, actor = excluded.actor,"
    " actualizada_en = now()"
)
_END = text("DELETE FROM ventas_automaticas WHERE cti = :cti")
_SHOW = (
    "SELECT v.cti, c.nic, v.minimo, v.abonar, v.importe, v.tope_mensual, v.espera, l.bloqueada, l.saldo,"
    " CASE WHEN v.mes = :mes THEN v.vendido ELSE 0 END AS vendido_en_el_mes,"
    " CASE WHEN v.mes = :mes THEN v.facturado ELSE 0 END AS importe_del_mes,"
    " v.ultima_venta, v.ultima_cantidad, v.ultima_operacion, v.creada_en, v.actualizada_en"
    " FROM ventas_automaticas v JOIN ctis c ON c.id = v.cti JOIN cuentas l ON l.id = v.libro_id"
    " WHERE v.cuenta_id = :cuenta_id"
)
_ONE = text(f"{_SHOW} AND v.cti = :cti")
_PAGE = text(f"{_SHOW} AND v.cti > :despues ORDER BY v.cti LIMIT :limite")


class VentasAutomaticas(Base):
    """Standing orders, and the queue of CTI that fell below their minimum."""

    def ventas_por_atender(self, mes: date, limite: int) -> list[tuple[int, int | None]]:
        """(account of the CTI, account of its stock) that may be due, at most `limite` of each kind; unlocked."""
        return [(r[0], r[1]) for r in self._session.execute(_DUE, {"mes": mes, "limite": limite})]

    def cuentas_no_activas(self, ids: Collection[UUID]) -> dict[UUID, tuple[str, int]]:
        """Those of these CMs that are not active: CM → (state, version)."""
        filas = self._session.execute(_INACTIVE, {"ids": list(ids)})
        return {f.cuenta_id: (f.estado, f.version) for f in filas}

    def anotar_cuenta_maestra(self, cuenta_id: UUID, estado: str, version: int, en: datetime) -> None:
        """How a CM stands, unless something newer is known."""
        self._session.execute(_STANDING, {"id": cuenta_id, "estado": estado, "version": version, "en": en})

    def tomar_ordenes(self, libros: Sequence[int]) -> list[Orden]:
        """Standing orders by the CTI's account, locked, those that wait longest first. Lock the accounts before."""
        return [Orden(*r) for r in self._session.execute(_LOCK, {"libros": list(libros)})]

    def sacar_de_la_cola(self, libros: Sequence[int]) -> dict[int, datetime]:
        """Take the rows that are still in the queue: account → since when it is below. Only the caller has them."""
        return {r.cuenta_id: r.desde for r in self._session.execute(_UNQUEUE, {"libros": list(libros)})}

    def anotar_ventas(self, ventas: Sequence[tuple[str, UUID]], mes: date, ahora: datetime) -> None:
        """(CTI, operation) of sales made, each `abonar` for `importe`."""
        self._session.execute(
            _SOLD,
            {
                "ctis": [v[0] for v in ventas],
                "operaciones": [v[1] for v in ventas],
                "mes": mes,
                "ahora": ahora,
            },
        )

    def dejar_en_espera(self, esperas: Sequence[tuple[str, str]], mes: date, ahora: datetime) -> None:
        """(CTI, what it waits for)."""
        self._session.execute(
            _WAIT,
            {"ctis": [e[0] for e in esperas], "esperas": [e[1] for e in esperas], "mes": mes, "ahora": ahora},
        )

    def quitar_espera(self, ctis: Sequence[str]) -> None:
        """These wait for nothing any more."""
        self._session.execute(_WAKE, {"ctis": list(ctis)})

    def poner_umbrales(self, umbrales: Sequence[tuple[int, int | None]]) -> None:
        """(account, threshold): many at once, without queueing; the caller has the accounts' locks."""
        self._session.execute(
            _THRESHOLDS, {"libros": [u[0] for u in umbrales], "umbrales": [u[1] for u in umbrales]}
        )

    def encolar_bajas(self, libros: Sequence[int]) -> None:
        """Queue those whose balance is below their threshold already."""
        self._session.execute(_ENQUEUE, {"libros": list(libros)})

    def poner_ordenes(
        self,
        ctis: Sequence[str],
        existencia: int,
        minimo: int,
        abonar: int,
        importe: Decimal,
        tope: int | None,
        mes: date,
        actor: str,
    ) -> int:
        """One order for these CTI; an earlier one is replaced, keeping what it sold. Answers how many were put.

        Only from the stock of the CM whose the CTI is: it may have been converted while its account was waited for.
        """
        result = self._session.execute(
            _PUT,
            {
                "ctis": list(ctis), "existencia": existencia, "minimo": minimo, "abonar": abonar, "importe": importe,
                "tope": tope, "mes": mes, "actor": actor,
            },
        )  # fmt: skip
        return int(result.rowcount)  # type: ignore[attr-defined]

    def quitar_orden(self, cti: str) -> None:
        """End a standing order."""
        self._session.execute(_END, {"cti": cti})

    def orden_de(self, cuenta_id: UUID, cti: str, mes: date) -> dict[str, Any] | None:
        """One standing order as lists show it."""
        row = self._session.execute(_ONE, {"cuenta_id": cuenta_id, "cti": cti, "mes": mes}).first()
        return dict(row._mapping) if row else None

    def pagina_ordenes(self, cuenta_id: UUID, mes: date, despues: str, limite: int) -> list[dict[str, Any]]:
        """Standing orders of a CM by CTI, after `despues`."""
        rows = self._session.execute(
            _PAGE, {"cuenta_id": cuenta_id, "mes": mes, "despues": despues, "limite": limite}
        )
        return [dict(r._mapping) for r in rows]
