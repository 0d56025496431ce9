"""CPU and memory of groups of processes, each a root with whatever descends from it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psutil

Raices = Callable[[], dict[str, list[int]]]


def _familia(pids: list[int]) -> list[psutil.Process]:
    hallados: dict[int, psutil.Process] = {}
    for pid in pids:
        try:
            raiz = psutil.Process(pid)
            for proceso in (raiz, *raiz.children(recursive=True)):
                hallados[proceso.pid] = proceso
        except psutil.NoSuchProcess:
            continue
    return list(hallados.values())


def cpu(raices: dict[str, list[int]]) -> dict[str, float]:
    """CPU seconds so far by group; those of descendants that ended are in their parent's count."""
    total = dict.fromkeys(raices, 0.0)
    for grupo, pids in raices.items():
        for proceso in _familia(pids):
            try:
                total[grupo] += sum(proceso.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
    return total


def memoria(raices: dict[str, list[int]]) -> dict[str, float]:
    """Resident MiB by group; PostgreSQL's without its shared pages, which each session would count again."""
    total = dict.fromkeys(raices, 0.0)
    for grupo, pids in raices.items():
        for proceso in _familia(pids):
            try:
                m = proceso.memory_info()
            except psutil.NoSuchProcess:
                continue
            total[grupo] += (m.rss - (m.shared if grupo == "postgres" else 0)) / 2**20
    return total


class Vigia:
    """Samples memory while something runs, and tells the CPU that each group spent."""

    def __init__(self, raices: dict[str, list[int]]) -> None:
        self._raices = raices
        self.pico: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self._fin = threading.Event()
        self._hilo = threading.Thread(target=self._mirar, daemon=True)

    def __enter__(self) -> Vigia:
        self._antes = cpu(self._raices)
        psutil.cpu_percent()
        self._hilo.start()
        return self

    def __exit__(self, *_: object) -> None:
        ahora = cpu(self._raices)
        self.cpu = {g: max(0.0, ahora[g] - self._antes[g]) for g in ahora}
        self.maquina = psutil.cpu_percent() / 100
        self._fin.set()
        self._hilo.join()

    def _mirar(self) -> None:
        while True:
            for grupo, mib in memoria(self._raices).items():
                self.pico[grupo] = max(mib, self.pico.get(grupo, 0.0))
            if self._fin.wait(1.0):
                return
