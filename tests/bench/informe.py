"""The bench's results as Markdown: one table of throughput, one of CPU, ratios, and the bottleneck."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

NOMBRES = {
    "nuestro": "ours (HTTP, bus, batches)",
    "monolito": "FastAPI + psycopg monolith",
    "nameko": "plain nameko (http, RPC, ORM)",
    "nameko_lote": "our pipeline on stock nameko, one call each",
    "pgbench": "pgbench of the debit",
}
CASOS = {"repartido": "1,000 CTI", "caliente": "one hot CTI"}


@dataclass
class Celda:
    """One system under one load, all rounds together."""

    sistema: str
    caso: str
    concurrentes: int
    buenas: int = 0
    malas: int = 0
    segundos: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    pico_mib: dict[str, float] = field(default_factory=dict)
    maquina: list[float] = field(default_factory=list)
    por_ronda: list[float] = field(default_factory=list)
    latencias: list[float] = field(default_factory=list)
    lotes: list[float] = field(default_factory=list)
    """Mean stampings per lot, of ours."""
    ejemplo_malo: str = ""

    @property
    def tasa(self) -> float:
        """Stampings per second."""
        return self.buenas / self.segundos if self.segundos else 0.0

    def percentil(self, p: float) -> float:
        """Milliseconds."""
        orden = sorted(self.latencias)
        return orden[min(len(orden) - 1, int(len(orden) * p))] * 1000 if orden else 0.0

    def ms_por_timbre(self) -> dict[str, float]:
        """CPU milliseconds per stamping by group."""
        return {g: s * 1000 / self.buenas for g, s in self.cpu.items()} if self.buenas else {}

    def json(self) -> dict[str, object]:
        """For the machine-readable file, without the single latencies."""
        return {
            "sistema": self.sistema, "caso": self.caso, "concurrentes": self.concurrentes, "buenas": self.buenas,
            "malas": self.malas, "segundos": round(self.segundos, 3), "por_segundo": round(self.tasa, 1),
            "por_ronda": [round(t, 1) for t in self.por_ronda],
            "p50_ms": round(self.percentil(0.5), 2), "p99_ms": round(self.percentil(0.99), 2),
            "cpu_ms_por_timbre": {g: round(v, 3) for g, v in self.ms_por_timbre().items()},
            "cpu_utilizacion": {g: round(v / self.segundos, 3) for g, v in self.cpu.items() if self.segundos},
            "maquina": [round(m, 3) for m in self.maquina],
            "pico_mib": {g: round(v, 1) for g, v in self.pico_mib.items()}, "lotes": [round(x, 1) for x in self.lotes],
            "ejemplo_malo": self.ejemplo_malo,
        }  # fmt: skip


@dataclass(frozen=True)
class Aparte:
    """Something measured of ours alone: figures for programs, a line for people."""

    nombre: str
    cifras: dict[str, float]
    texto: str


def _tabla(cabeza: list[str], filas: Iterable[list[str]]) -> list[str]:
    lineas = [cabeza, ["---"] * len(cabeza), *filas]
    return ["| " + " | ".join(fila) + " |" for fila in lineas]


def markdown(celdas: list[Celda], aparte: list[Aparte], titulo: str, notas: list[str], nucleos: int) -> str:
    """The whole report."""
    por = {(c.sistema, c.caso, c.concurrentes): c for c in celdas}
    partes = [f"# {titulo}", "", *[f"- {n}" for n in notas], "", "## Stampings per second", ""]
    partes += _tabla(
        ["load", "callers", "system", "per second", "each round", "p50 ms", "p99 ms", "failed", "machine busy"],
        (
            [
                CASOS[c.caso], str(c.concurrentes), NOMBRES[c.sistema], f"{c.tasa:,.0f}",
                " ".join(f"{t:.0f}" for t in c.por_ronda), f"{c.percentil(0.5):.1f}", f"{c.percentil(0.99):.1f}",
                str(c.malas), f"{sum(c.maquina) / max(1, len(c.maquina)):.0%}",
            ]
            for c in celdas
        ),
    )  # fmt: skip
    partes += ["", "## Ratios", "", *_razones(por)]
    if aparte:
        partes += ["", "## Ours alone", "", *(f"- {a.nombre}: {a.texto}." for a in aparte)]
    partes += ["", "## CPU-ms per stamping and peak MiB by group of processes", ""]
    partes += _tabla(
        ["load", "callers", "system", "CPU-ms", "peak MiB", "mean lot"],
        (
            [CASOS[c.caso], str(c.concurrentes), NOMBRES[c.sistema], _grupos(c.ms_por_timbre(), 2),
             _grupos(c.pico_mib, 0), f"{sum(c.lotes) / len(c.lotes):.1f}" if c.lotes else "1"]
            for c in celdas
        ),
    )  # fmt: skip
    partes += ["", "## Bottleneck", "", *[cuello(c, nucleos) for c in celdas if c.concurrentes >= 32]]
    return "\n".join(partes) + "\n"


def _grupos(valores: dict[str, float], decimales: int) -> str:
    return ", ".join(f"{g} {v:.{decimales}f}" for g, v in valores.items() if v >= 0.005)


def _razones(por: dict[tuple[str, str, int], Celda]) -> list[str]:
    filas = []
    for caso, n in sorted({(c, n) for _, c, n in por}, key=lambda x: (x[0] != "repartido", x[1])):
        tasas = {s: por[s, caso, n].tasa for s in NOMBRES if (s, caso, n) in por}
        repartido = por.get(("nuestro", "repartido", n))
        nuestro = tasas.get("nuestro", 0.0)
        filas.append(
            [
                CASOS[caso], str(n), _razon(nuestro, tasas.get("monolito")), _razon(nuestro, tasas.get("nameko")),
                _razon(nuestro, tasas.get("nameko_lote")), _razon(nuestro, tasas.get("pgbench")),
                _razon(nuestro, repartido.tasa if repartido and caso == "caliente" else None),
            ]
        )  # fmt: skip
    return _tabla(
        [
            "load",
            "callers",
            "ours/monolith (≥ 1.0 at 32, 64)",
            "ours/plain nameko (≥ 6)",
            "ours/our pipeline on stock nameko",
            "ours/pgbench",
            "hot/spread (≥ 0.8)",
        ],
        filas,
    )


def _razon(a: float, b: float | None) -> str:
    return f"{a / b:.2f}" if b else "–"


def cuello(c: Celda, nucleos: int) -> str:
    """One line: who used the CPU, and whether the CPU or something that waits is the limit."""
    uso = sorted(((v / c.segundos, g) for g, v in c.cpu.items() if c.segundos), reverse=True)
    ocupada = sum(c.maquina) / max(1, len(c.maquina))
    reparto = ", ".join(f"{g} {v:.2f}" for v, g in uso if v >= 0.01)
    if not uso:
        return f"- {NOMBRES[c.sistema]}, {CASOS[c.caso]}, {c.concurrentes} callers: nothing measured."
    un_proceso = next((g for v, g in uso if g in ("gateway", "nameko-http", "rabbitmq") and v > 0.85), None)
    if un_proceso:
        limite = f"the one process of {un_proceso}"
    elif ocupada > 0.9:
        limite = f"the machine's CPU ({ocupada:.0%} of {nucleos} cores), most of it {uso[0][1]}"
    else:
        limite = (
            f"waiting (disk, locks, round trips): the machine is {ocupada:.0%} busy; most CPU is {uso[0][1]}"
        )
    return (
        f"- {NOMBRES[c.sistema]}, {CASOS[c.caso]}, {c.concurrentes} callers: {limite}. Cores used: {reparto}."
    )
