"""The matrix of role × route: reads it, and prints what it lacks (`python -m tests.matriz_de_roles`)."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

ARCHIVO = Path(__file__).with_suffix(".csv")
#: A role, `@raiz` where its CM is the root; `perfil` is a person without any CM.
LLAMANTES = ("anonimo", "perfil", "consulta", "operador", "administrador", "titular",
             "consulta@raiz", "operador@raiz", "administrador@raiz", "titular@raiz")  # fmt: skip
_ROLES = {"consulta": 0, "operador": 1, "administrador": 2, "titular": 3}


@dataclass(frozen=True, kw_only=True)
class Fila:
    """`clase`: sesion (the columns say who), or publica, cti, sw: another credential, or none.

    `propia`: what it changes is the caller's own (its sessions, its preferences), so that any role may.
    """

    metodo: str
    ruta: str
    clase: str
    propia: bool
    de: dict[str, str]

    @property
    def llave(self) -> tuple[str, str]:
        return (self.metodo, self.ruta)


def leer() -> list[Fila]:
    """The matrix as it is written down."""
    with ARCHIVO.open(newline="") as f:
        return [
            Fila(
                metodo=r["metodo"],
                ruta=r["ruta"],
                clase=r["clase"],
                propia=r["propia"] == "si",
                de={q: r[q] for q in LLAMANTES},
            )
            for r in csv.DictReader(f)
        ]


def documento() -> dict[str, Any]:
    """`/openapi.json` of the application as it is."""
    from services.gateway import openapi
    from services.gateway.app import crear_app

    app = crear_app(None)  # type: ignore[arg-type]
    return openapi.documento(app.extensions["openapi"])


def del_codigo() -> list[Fila]:
    """A row for every route of `/openapi.json`, with what its mark says."""
    return [
        _fila(metodo.upper(), ruta, operacion)
        for ruta, metodos in documento()["paths"].items()
        for metodo, operacion in metodos.items()
        if metodo != "parameters"
    ]


def concretar(ruta: str) -> str:
    """A path whose parameters name nothing that exists."""
    return re.sub(r"\{(\w+)\}", lambda m: _VALORES.get(m.group(1), str(UUID(int=1))), ruta)


_VALORES = {"nic": "999999999", "cti": "NOEXISTE", "nombre": "nadie", "clave": "ninguna"}


def _fila(metodo: str, ruta: str, operacion: dict[str, Any]) -> Fila:
    seguridad = {nombre for s in operacion.get("security", ()) for nombre in s}
    otra = seguridad & {"cti", "sw"}
    if otra:
        return Fila(
            metodo=metodo, ruta=ruta, clase=otra.pop(), propia=False, de=dict.fromkeys(LLAMANTES, "-")
        )
    if not seguridad:
        return Fila(metodo=metodo, ruta=ruta, clase="publica", propia=False, de=dict.fromkeys(LLAMANTES, "-"))
    rol = operacion.get("x-rol")
    de = {q: _puede(q, rol, bool(operacion.get("x-raiz"))) for q in LLAMANTES}
    return Fila(metodo=metodo, ruta=ruta, clase="sesion", propia=rol is None, de=de)


def _puede(llamante: str, rol: str | None, solo_raiz: bool) -> str:
    if llamante == "anonimo":
        return "401"
    if rol is None:
        return "si"
    propio, _, raiz = llamante.partition("@")
    if propio == "perfil" or (solo_raiz and not raiz):
        return "403"
    return "si" if _ROLES[propio] >= _ROLES[rol] else "403"


def escribir(filas: list[Fila]) -> None:
    """The rows, by path and method."""
    with ARCHIVO.open("w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["metodo", "ruta", "clase", "propia", *LLAMANTES])
        for x in sorted(filas, key=lambda x: (x.ruta, x.metodo)):
            w.writerow([x.metodo, x.ruta, x.clase, "si" if x.propia else "no", *(x.de[q] for q in LLAMANTES)])


def main() -> None:
    """Add the rows that lack, drop those whose route is gone, and print both for a person to read."""
    tiene = {f.llave: f for f in leer()} if ARCHIVO.exists() else {}
    codigo = {f.llave: f for f in del_codigo()}
    for llave in sorted(codigo.keys() ^ tiene.keys(), key=str):
        sys.stdout.write(f"{'+' if llave in codigo else '-'} {' '.join(llave)}\n")
    escribir([tiene.get(llave, fila) for llave, fila in codigo.items()])


if __name__ == "__main__":
    main()
