"""SQL of the guard, and the count behind a CTI's stampings a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from services.timbrado.domain.guarda import Actividad
from services.timbrado.domain.uso import Ocupacion
from services.timbrado.repository.base import Base

#: Any number; only one replica at a time is the guard.
_LOCK = text("SELECT pg_try_advisory_xact_lock(7083, 3)")
_LAST_MINUTE = text(
    "SELECT c.cti, count(t.cti) AS cuantos,"
    " greatest(1, ceil(60 - coalesce(extract(epoch FROM now() - min(t.creado_en)), 60)))::integer AS libre_en"
    " FROM unnest(CAST(:ctis AS text[])) c(cti)"
    " LEFT JOIN timbrados t ON t.cti = c.cti AND t.creado_en > now() - interval '1 minute' GROUP BY c.cti"
)
#: Hours that can be unusual: past the lowest threshold of all, of CTI that still stamp.
_BUSY = text(
    "SELECT h.cti, h.hora, h.cantidad, c.tope_por_hora AS tope FROM consumo_por_hora h"
    " JOIN ctis c ON c.id = h.cti JOIN cuentas l ON l.id = c.libro_id"
    " WHERE h.hora >= :desde AND (h.cantidad > :piso OR h.cantidad > c.tope_por_hora)"
    " AND NOT l.bloqueada AND (c.guarda_desde IS NULL OR h.hora >= c.guarda_desde)"
)
_HISTORY = text(
    "SELECT u.cti, u.hora, max(h.cantidad) AS maxima, min(h.hora) AS desde"
    " FROM unnest(CAST(:ctis AS text[]), CAST(:horas AS timestamptz[])) u(cti, hora)"
    " JOIN consumo_por_hora h ON h.cti = u.cti AND h.hora < u.hora AND h.hora >= u.hora - CAST(:historia AS interval)"
    " GROUP BY u.cti, u.hora"
)
_FREEZE = text(
    "WITH pedidas AS (SELECT * FROM unnest(CAST(:ctis AS text[]), CAST(:motivos AS text[])) t(cti, motivo)),"
    " congeladas AS (UPDATE cuentas l SET bloqueada = true FROM ctis c JOIN pedidas p ON p.cti = c.id"
    " WHERE l.id = c.libro_id AND NOT l.bloqueada RETURNING c.id, c.cuenta_id, p.motivo),"
    " motivos AS (UPDATE ctis c SET motivo_bloqueo = g.motivo FROM congeladas g WHERE c.id = g.id),"
    " anotadas AS (INSERT INTO bitacora_ctis (cti, accion, motivo, actor)"
    " SELECT id, 'congelacion', motivo, 'guarda' FROM congeladas)"
    " SELECT id, cuenta_id, motivo FROM congeladas"
)
_FAILURES = text(
    "INSERT INTO fallos_cti AS f (cti, minuto, cantidad)"
    " SELECT cti, date_trunc('minute', now()), n FROM unnest(CAST(:ctis AS text[]), CAST(:cuantos AS bigint[])) t(cti, n)"
    " ORDER BY cti ON CONFLICT (cti, minuto) DO UPDATE SET cantidad = f.cantidad + excluded.cantidad"
)
_MANY_FAILURES = text(
    "SELECT f.cti, c.cuenta_id, sum(f.cantidad)::bigint AS cuantos, date_trunc('hour', now()) AS hora"
    " FROM fallos_cti f JOIN ctis c ON c.id = f.cti WHERE f.minuto > now() - CAST(:ventana AS interval)"
    " GROUP BY f.cti, c.cuenta_id HAVING sum(f.cantidad) >= :minimo"
)
_OLD_FAILURES = text("DELETE FROM fallos_cti WHERE minuto < now() - interval '1 hour'")
_QUIET = text(
    "UPDATE ctis SET guarda_desde = date_trunc('hour', now(), 'UTC') + interval '1 hour' WHERE id = :cti"
)


class Guarda(Base):
    """What CTI stamped lately, and the CTI that are frozen for it."""

    def ocupacion_del_minuto(self, ctis: Sequence[str]) -> dict[str, Ocupacion]:
        """Stampings of each CTI in the last 60 s, those of this transaction too. Exact under its account's lock."""
        rows = self._session.execute(_LAST_MINUTE, {"ctis": list(ctis)})
        return {r.cti: Ocupacion(r.cuantos, r.libre_en) for r in rows}

    def ser_guarda(self) -> bool:
        """Whether this transaction is the only guard at work."""
        return bool(self._session.execute(_LOCK).scalar())

    def horas_activas(self, desde: datetime, piso: int, historia: timedelta) -> list[Actividad]:
        """Hours from `desde` on that are past a CTI's own limit or `piso`, beside the history before them."""
        horas = list(self._session.execute(_BUSY, {"desde": desde, "piso": piso}))
        if not horas:
            return []
        antes = {
            (r.cti, r.hora): r
            for r in self._session.execute(
                _HISTORY,
                {
                    "ctis": [h.cti for h in horas],
                    "horas": [h.hora for h in horas],
                    "historia": historia,
                },
            )
        }
        return [
            Actividad(
                h.cti,
                h.hora,
                h.cantidad,
                antes[h.cti, h.hora].maxima if (h.cti, h.hora) in antes else 0,
                antes[h.cti, h.hora].desde if (h.cti, h.hora) in antes else None,
                h.tope,
            )
            for h in horas
        ]

    def congelar(self, motivos: Mapping[str, str]) -> list[Any]:
        """Block CTI with its reason and write it in their logbook; answers `id, cuenta_id, motivo` of those frozen."""
        ctis = sorted(motivos)
        libros = self._session.execute(
            text("SELECT libro_id FROM ctis WHERE id = ANY(:ctis)"), {"ctis": ctis}
        ).scalars()
        self.libro.tomar(list(libros))
        return list(self._session.execute(_FREEZE, {"ctis": ctis, "motivos": [motivos[cti] for cti in ctis]}))

    def aquietar(self, cti: str) -> None:
        """Have the guard leave a CTI alone until the next hour: it was reactivated by someone who knows."""
        self._session.execute(_QUIET, {"cti": cti})

    def contar_fallos(self, fallos: Mapping[str, int]) -> None:
        """Add wrong passwords to this minute's."""
        ctis = sorted(fallos)
        self._session.execute(_FAILURES, {"ctis": ctis, "cuantos": [fallos[cti] for cti in ctis]})

    def muchos_fallos(self, minimo: int, ventana: timedelta) -> list[Any]:
        """CTI with at least `minimo` wrong passwords in `ventana`: `cti, cuenta_id, cuantos, hora`."""
        return list(self._session.execute(_MANY_FAILURES, {"minimo": minimo, "ventana": ventana}))

    def olvidar_fallos(self) -> None:
        """Drop what is older than an hour."""
        self._session.execute(_OLD_FAILURES)
