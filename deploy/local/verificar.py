"""`make verify`: checks the books of a running system, and says in words what does not hold.

Ledgers sum to zero and are not negative, chains unbroken, one debit per TFD and no TFD without one, no hold
left behind, no event unpublished, every venta once, one charge per paid year of an ilimitada, audit chains unbroken.
"""

from __future__ import annotations

import os
import sys
import time

from sqlalchemy import Engine, text

from deploy.local.cobros import cobros, renovaciones
from shared.auditoria import sellado
from shared.ledger import sealing
from shared.persistence.base import new_engine

#: Seconds that holds, unsealed movements and unpublished events have to settle: the workers are running.
PLAZO = 40.0

_PENDING = {
    "holds left": "SELECT count(*) FROM retenciones",
    "movements not sealed": "SELECT count(*) FROM por_sellar",
}
_STAMPS = {
    "stampings still pendiente": "SELECT count(*) FROM timbrados WHERE estado = 'pendiente'",
    "TFD without a debit": "SELECT count(*) FROM timbrados t WHERE t.estado = 'timbrado' AND NOT EXISTS"
    " (SELECT 1 FROM movimientos m WHERE m.operacion = t.id)",
    "debits without a TFD": "SELECT count(*) FROM movimientos m WHERE m.motivo = 'timbrado' AND NOT EXISTS"
    " (SELECT 1 FROM timbrados t WHERE t.id = m.operacion AND t.estado = 'timbrado')",
    "invoices stamped twice": "SELECT count(*) FROM (SELECT huella FROM timbrados WHERE estado = 'timbrado'"
    " GROUP BY huella HAVING count(*) > 1) x",
}

_MASIVAS = {
    "rows of bulk transfers without their movement": "SELECT count(*) FROM transferencias_masivas_filas f"
    " WHERE f.rechazo IS NULL AND NOT EXISTS (SELECT FROM movimientos m WHERE m.operacion = f.operacion"
    " AND m.destino = f.libro_id AND m.cantidad = f.cantidad AND m.importe = f.importe)",
    "movements of bulk transfers without their row": "SELECT count(*) FROM movimientos m WHERE m.motivo = 'masiva'"
    " AND NOT EXISTS (SELECT FROM transferencias_masivas_filas f WHERE f.operacion = m.operacion)",
    "bulk transfers whose rows are not what they count": "SELECT count(*) FROM transferencias_masivas t"
    " WHERE (aplicadas, rechazadas, timbres) <> (SELECT count(*) FILTER (WHERE f.rechazo IS NULL), count(f.rechazo),"
    " coalesce(sum(f.cantidad) FILTER (WHERE f.rechazo IS NULL), 0)"
    " FROM transferencias_masivas_filas f WHERE f.masiva_id = t.id)",
    "rows of no bulk transfer": "SELECT count(*) FROM transferencias_masivas_filas f"
    " WHERE NOT EXISTS (SELECT FROM transferencias_masivas t WHERE t.id = f.masiva_id)",
}
_AUTOMATICAS = {
    "automatic sales whose threshold is not their minimum": "SELECT count(*) FROM ventas_automaticas v"
    " JOIN cuentas c ON c.id = v.libro_id WHERE c.umbral IS DISTINCT FROM CASE WHEN v.espera IS NULL THEN v.minimo END",
    "automatic sales whose last one has no movement": "SELECT count(*) FROM ventas_automaticas v"
    " WHERE v.ultima_operacion IS NOT NULL AND NOT EXISTS (SELECT FROM movimientos m WHERE m.operacion = v.ultima_operacion"
    " AND m.motivo = 'venta_automatica' AND m.destino = v.libro_id AND m.cantidad = v.ultima_cantidad)",
    "CTI whose consumption by hour is not their stampings": "SELECT count(*) FROM (SELECT t.cti, count(*) AS n"
    " FROM movimientos m JOIN timbrados t ON t.id = m.operacion WHERE m.motivo = 'timbrado' AND NOT EXISTS"
    " (SELECT FROM por_sellar p WHERE p.movimiento_id = m.id) GROUP BY t.cti) s FULL JOIN"
    " (SELECT cti, sum(cantidad) AS n FROM consumo_por_hora GROUP BY cti) h USING (cti) WHERE s.n IS DISTINCT FROM h.n",
}
_VENTAS = "SELECT operacion FROM movimientos WHERE motivo IN ('transferencia', 'masiva', 'venta_automatica')"


def verificar(bases: dict[str, Engine], plazo: float = PLAZO) -> list[str]:
    """Every broken rule, in words. `bases` maps a service's name to an engine on its database."""
    problemas: list[str] = []
    limite = time.monotonic() + plazo
    while pendientes := _pendientes(bases):
        if time.monotonic() > limite:
            problemas += pendientes
            break
        time.sleep(0.5)
    for servicio in ("timbrado", "puntos"):
        if servicio in bases:
            with bases[servicio].connect() as connection:
                connection.execute(text("SET statement_timeout = 0"))
                problemas += [f"{servicio}: {p}" for p in sealing.verify(connection)]
    if "clientes" in bases:
        with bases["clientes"].connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            problemas += [f"clientes: {p}" for p in sellado.verificar(connection)]
    if "timbrado" in bases:
        problemas += [
            f"timbrado: {n} {que}" for que, n in _counts(bases["timbrado"], _STAMPS | _MASIVAS | _AUTOMATICAS)
        ]
    if "timbrado" in bases and "facturacion" in bases:
        # A published event may still wait for its consumer.
        while (ventas := _ventas(bases["timbrado"], bases["facturacion"])) and time.monotonic() < limite:
            time.sleep(0.5)
        problemas += ventas
    return problemas


def _pendientes(bases: dict[str, Engine]) -> list[str]:
    out: list[str] = []
    for servicio, engine in bases.items():
        consultas = {"events not published": "SELECT count(*) FROM outbox"}
        if servicio in ("timbrado", "puntos"):
            consultas |= _PENDING
        if servicio == "clientes":
            consultas["audit entries not sealed"] = "SELECT count(*) FROM auditoria_por_sellar"
        if servicio == "timbrado":
            consultas["bulk transfers not finished"] = (
                "SELECT count(*) FROM transferencias_masivas WHERE terminada_en IS NULL"
            )
            consultas["CTI below their minimum not attended"] = "SELECT count(*) FROM bajo_umbral"
        out += [f"{servicio}: {n} {que}" for que, n in _counts(engine, consultas)]
    if "timbrado" in bases and "puntos" in bases:
        out += cobros(bases["timbrado"], bases["puntos"])
    if "clientes" in bases and "puntos" in bases:
        out += renovaciones(bases["clientes"], bases["puntos"])
    return out


def _counts(engine: Engine, consultas: dict[str, str]) -> list[tuple[str, int]]:
    with engine.connect() as connection:
        contados = [(que, int(connection.execute(text(sql)).scalar_one())) for que, sql in consultas.items()]
    return [(que, n) for que, n in contados if n]


def _ventas(timbrado: Engine, facturacion: Engine) -> list[str]:
    with timbrado.connect() as t, facturacion.connect() as f:
        hechas = set(t.execute(text(_VENTAS)).scalars())
        anotadas = list(f.execute(text("SELECT id FROM ventas WHERE tipo = 'timbres'")).scalars())
    out = []
    if len(anotadas) != len(set(anotadas)):
        out.append("facturacion: a transfer is two ventas")
    if faltan := len(hechas - set(anotadas)):
        out.append(f"facturacion: {faltan} transfers are no venta")
    if sobran := len(set(anotadas) - hechas):
        out.append(f"facturacion: {sobran} ventas have no transfer")
    return out


def main() -> None:
    """Check the databases that the environment names (`DATABASE_URL_TIMBRADO` …)."""
    bases = {
        nombre.removeprefix("DATABASE_URL_").lower(): new_engine(url, 2)
        for nombre, url in os.environ.items()
        if nombre.startswith("DATABASE_URL_")
    }
    problemas = verificar(bases)
    if problemas:
        sys.exit("\n".join(["The books do not balance:", *(f"  - {p}" for p in problemas)]))
    print(f"The books balance in {', '.join(sorted(bases))}.")


if __name__ == "__main__":
    main()
