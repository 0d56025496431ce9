"""`python -m tests.bench.cartera URL …`: searches of a large CM beside the same ones of one with 10,000 clientes.

The database is one that `tests/bench/cartera.sql` filled, as a superuser; the URL is the service's role. Every search ×
order is timed on its first page and from the middle of the order, statements and round trips of one connection together;
the report keeps EXPLAIN of each search.
"""

from __future__ import annotations

import argparse
import math
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from deploy.local.instalacion import RAIZ
from services.clientes.domain.cartera import ORDENES, Filtros, Lugar, Orden, Palabras, palabras_de
from services.clientes.repository import Repositorio
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

GRANDE, CHICA = UUID(int=1), UUID(int=2)
LIMITE = 51
#: Name → what is typed, each in turn; `{}` is filled from clientes of the CM in question.
BUSQUEDAS: dict[str, tuple[str, ...]] = {
    "todos": ("",),
    "palabra rara": ("xicotencatl itzel", "citlali ochoa", "bacaf", "yanez 999"),
    "palabra media": ("gutierrez", "zuniga", "mendoza", "itzel"),
    "palabra comun": ("sa de cv", "guadalupe", "hernandez", "gmail"),
    "primera palabra": ("transportes", "ferreteria", "constructora", "xochitl"),
    "prefijo": ("constru", "xico", "papel", "gua"),
    "infijo": ("truct", "icotenc", "endoz", "egral"),
    "dos palabras": ("transportes mendoza", "jose zuniga", "papeleria xicotencatl", "maria gmail"),
    "rfc": ("{rfc}",),
    "nic": ("{nic}",),
    "telefono": ("{telefono}",),
    "correo": ("{correo}",),
    "cti": ("{cti}",),
    "sin resultado": ("quetzalcoatlx", "5599999999999"),
}
#: Clientes from whom `{}` is filled. Of NIC with six digits or more: fewer are in thousands of phones.
MUESTRAS = 4


def p95(tiempos: list[float]) -> float:
    """The value that 95 of 100 don't pass."""
    return sorted(tiempos)[max(0, math.ceil(len(tiempos) * 0.95) - 1)]


class Medidor:
    """One connection, one CM."""

    def __init__(self, uow: UnitOfWork[Repositorio], cuenta: UUID) -> None:
        self._uow, self._cuenta = uow, cuenta
        filas = uow.session.execute(
            text(
                "SELECT nic, rfc, telefono, correo, cti FROM clientes WHERE cuenta_id = :c AND nic >= 100000"
                " ORDER BY md5(nic::text) LIMIT :muestras"
            ),
            {"c": cuenta, "muestras": MUESTRAS},
        )
        self._muestras = [dict(fila._mapping) for fila in filas]
        self._medio: dict[str, Lugar] = {}

    def palabras(self, busqueda: str) -> list[Palabras]:
        """What each of the search's texts becomes."""
        textos = [
            t.format(**m) for t in BUSQUEDAS[busqueda] for m in self._muestras[: MUESTRAS if "{" in t else 1]
        ]
        return [palabras_de(self._uow.repo.normalizar(t)) for t in textos]

    def medio(self, nombre: str, orden: Orden) -> Lugar:
        if nombre not in self._medio:
            de = "DESC" if orden.descendente else ""
            sql = (
                f"SELECT {orden.clave} AS clave, cliente_id FROM cartera WHERE cuenta_id = :c AND {orden.clave} IS NOT NULL"
                f" ORDER BY {orden.clave} {de}, cliente_id {de} OFFSET (SELECT count(*) / 2 FROM cartera"
                f" WHERE cuenta_id = :c AND {orden.clave} IS NOT NULL) LIMIT 1"
            )
            fila = self._uow.session.execute(text(sql), {"c": self._cuenta}).one()
            self._medio[nombre] = Lugar(fila.clave, fila.cliente_id)
        return self._medio[nombre]

    def medir(self, busqueda: str, nombre: str, veces: int) -> list[float]:
        """Milliseconds of each text, on the first page and from the middle; one run before warms."""
        orden, tiempos = ORDENES[nombre], []
        for palabras in self.palabras(busqueda):
            for desde in (None, self.medio(nombre, orden)):
                for n in range(veces + 1):
                    inicio = time.perf_counter()
                    self._uow.repo.buscar_en_cartera(
                        self._cuenta, orden, Filtros(palabras=palabras), desde, LIMITE
                    )
                    if n:
                        tiempos.append((time.perf_counter() - inicio) * 1000)
        return tiempos

    def explicar(self, busqueda: str, nombre: str) -> str:
        """EXPLAIN (ANALYZE, BUFFERS) of each statement that the search runs."""
        real, planes = self._uow.session.execute, []

        def espia(sentencia: Any, valores: Any = None) -> Any:
            if " FROM " in str(sentencia):
                plan = real(text(f"EXPLAIN (ANALYZE, BUFFERS) {sentencia}"), valores)
                planes.append("\n".join(r[0] for r in plan))
            return real(sentencia, valores)

        palabras = self.palabras(busqueda)[0]
        self._uow.session.execute = espia  # type: ignore[method-assign, assignment]
        try:
            self._uow.repo.buscar_en_cartera(
                self._cuenta, ORDENES[nombre], Filtros(palabras=palabras), None, LIMITE
            )
        finally:
            self._uow.session.execute = real  # type: ignore[method-assign]
        return "\n\n".join(planes)


def main() -> None:
    """Measure and write `docs/bench/cartera-<date>.md`."""
    lector = argparse.ArgumentParser(prog="python -m tests.bench.cartera")
    lector.add_argument("url")
    lector.add_argument("--veces", type=int, default=5)
    lector.add_argument("--segundos", type=float, default=600)
    opciones = lector.parse_args()
    engine = new_engine(opciones.url, 1)
    lineas, planes, malas = [], [], []
    fin = time.monotonic() + opciones.segundos
    with UnitOfWork(engine, Repositorio) as uow:
        uow.session.execute(text("SET statement_timeout = 0"))
        uow.session.execute(text("SET idle_in_transaction_session_timeout = 0"))
        if uow.session.scalar(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ):
            raise SystemExit(
                "connect as the service's role: policies, and what they cost, don't apply to this one"
            )
        cuentas: dict[UUID, int] = dict(
            uow.session.execute(
                text("SELECT cuenta_id, count(*) FROM cartera WHERE cuenta_id = ANY(:c) GROUP BY 1"),
                {"c": [GRANDE, CHICA]},
            ).all()
        )
        total = uow.session.scalar(text("SELECT count(*) FROM cartera_texto"))
        grande, chica = Medidor(uow, GRANDE), Medidor(uow, CHICA)
        for busqueda in BUSQUEDAS:
            celdas: list[tuple[float, float, str]] = []
            for nombre in ORDENES:
                if time.monotonic() > fin:
                    continue
                a = p95(grande.medir(busqueda, nombre, opciones.veces))
                b = p95(chica.medir(busqueda, nombre, opciones.veces))
                celdas.append((a, b, nombre))
                if a > 50 or a > 3 * b:
                    malas.append((busqueda, nombre, a, b))
            if not celdas:
                continue
            peor = max(celdas)
            razon = max(celdas, key=lambda c: c[0] / c[1])
            medios = [sorted(lado)[len(celdas) // 2] for lado in zip(*[c[:2] for c in celdas], strict=True)]
            lineas.append(
                f"| {busqueda} | {len(grande.palabras(busqueda))} | {medios[0]:.1f} | {medios[1]:.1f}"
                f" | {peor[0]:.1f} ({peor[2]}) | {max(c[1] for c in celdas):.1f} | {razon[0] / razon[1]:.1f} ({razon[2]},"
                f" {razon[0]:.1f} against {razon[1]:.1f}) |"
            )
            print(lineas[-1], flush=True)
            planes.append(f"## {busqueda}\n\n```\n{grande.explicar(busqueda, 'nombre')}\n```\n")
    archivo = RAIZ / "docs" / "bench" / f"cartera-{datetime.now(UTC):%Y-%m-%d-%H%M}.md"
    archivo.write_text(
        f"# Search of the cartera, {datetime.now(UTC):%Y-%m-%d %H:%M}\n\n"
        f"{cuentas[GRANDE]:,} clientes of one CM and {cuentas[CHICA]:,} of another, {total:,} overall. Milliseconds,"
        f" p95 of each search and order: every text {opciones.veces} times on the first page and from the middle.\n\n"
        "| search | texts | middle order's p95, large | small | worst order's p95, large | small | worst ratio |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n" + "\n".join(lineas)
        + f"\n\n{len(malas)} of {len(BUSQUEDAS) * len(ORDENES)} pass 50 ms or 3 times the small CM:\n\n"
        + "\n".join(f"- {b}, {o}: {x:.1f} against {y:.1f}" for b, o, x, y in malas)
        + "\n\n# EXPLAIN (ANALYZE, BUFFERS), order by name, first page\n\n" + "\n".join(planes)
    )  # fmt: skip
    print(archivo)


if __name__ == "__main__":
    main()
