"""`python -m tests.bench.inicios_de_sesion`: 10,000 wrong sign-ins by one address and 10,000 by as many, over HTTP.

Meanwhile somebody else signs in with the right password once a second, and the attacked usuario from where it always
does. Whoever attacks is limited; the two are let in each time. Loopback lends the addresses: all of 127.0.0.0/8 is us.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.instalacion import RAIZ
from tests.sistema import Sistema, sistema_en_marcha

CASA, VECINO, ATACANTE = "127.0.0.1", "127.0.0.9", "127.9.9.9"


def entrar(sistema: Sistema, usuario: str, contrasena: str, desde: str) -> tuple[int, float]:
    """Status and seconds of one sign-in from an address."""
    url = urlsplit(sistema.url)
    conexion = HTTPConnection(str(url.hostname), url.port, timeout=20, source_address=(desde, 0))
    inicio = time.monotonic()
    try:
        conexion.request(
            "POST",
            "/v1/sesiones",
            json.dumps({"usuario": usuario, "contrasena": contrasena}),
            {"Content-Type": "application/json"},
        )
        respuesta = conexion.getresponse()
        respuesta.read()
        return respuesta.status, time.monotonic() - inicio
    finally:
        conexion.close()


class Otros:
    """The owner at home and a neighbour, once a second each."""

    def __init__(self, sistema: Sistema) -> None:
        self._sistema = sistema
        self._basta = threading.Event()
        self.estados: Counter[int] = Counter()
        self.segundos: list[float] = []
        self._hilo = threading.Thread(target=self._seguir)

    def __enter__(self) -> Otros:
        self._hilo.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._basta.set()
        self._hilo.join()

    def _seguir(self) -> None:
        while not self._basta.wait(1):
            for papel, desde in (("distribuidor", CASA), ("raiz", VECINO)):
                quien = self._sistema.demo[papel]
                estado, tarda = entrar(self._sistema, quien["usuario"], quien["contrasena"], desde)
                self.estados[estado] += 1
                self.segundos.append(tarda)


def atacar(sistema: Sistema, direcciones: list[str], hilos: int) -> dict[str, object]:
    """Wrong passwords of the demonstration's distributor, one from each address."""
    usuario = sistema.demo["distribuidor"]["usuario"]
    with Otros(sistema) as otros, ThreadPoolExecutor(hilos) as grupo:
        inicio = time.monotonic()
        hechos = list(grupo.map(lambda d: entrar(sistema, usuario, "no es esta", d)[0], direcciones))
        duracion = time.monotonic() - inicio
    return {
        "intentos": len(hechos),
        "respuestas": dict(sorted(Counter(hechos).items())),
        "por_segundo": round(len(hechos) / duracion),
        "otros": dict(otros.estados),
        "otros_p50_ms": round(statistics.median(otros.segundos) * 1000),
        "otros_maximo_ms": round(max(otros.segundos) * 1000),
    }


def main() -> None:
    """Run both attacks and write `docs/bench/inicios-de-sesion-….md`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--intentos", type=int, default=10_000)
    parser.add_argument("--hilos", type=int, default=16)
    parser.add_argument("--salida", type=Path, default=RAIZ / "docs" / "bench")
    opciones = parser.parse_args()
    n = opciones.intentos
    with sistema_en_marcha() as sistema:
        for papel, desde in (("distribuidor", CASA), ("raiz", VECINO)):
            quien = sistema.demo[papel]
            assert entrar(sistema, quien["usuario"], quien["contrasena"], desde)[0] == 201
        partes = {
            "one address": atacar(sistema, [ATACANTE] * n, opciones.hilos),
            "as many addresses": atacar(
                sistema, [f"127.1.{i // 250}.{i % 250 + 1}" for i in range(n)], opciones.hilos
            ),
        }
    lineas = [f"# {n:,} wrong sign-ins, {datetime.now().astimezone():%Y-%m-%d %H:%M}", ""]
    lineas += ["| by | answers (status: how many) | per second | others' answers | their p50, max ms |"]
    lineas += ["| --- | --- | --- | --- | --- |"]
    for nombre, p in partes.items():
        lineas.append(
            f"| {nombre} | {p['respuestas']} | {p['por_segundo']} | {p['otros']} |"
            f" {p['otros_p50_ms']}, {p['otros_maximo_ms']} |"
        )
    texto = "\n".join(lineas) + "\n"
    opciones.salida.mkdir(parents=True, exist_ok=True)
    (opciones.salida / f"inicios-de-sesion-{datetime.now().astimezone():%Y-%m-%d-%H%M}.md").write_text(texto)
    print(texto)


if __name__ == "__main__":
    main()
