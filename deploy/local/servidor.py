"""Becomes one of the private servers, for supervisord: `python -m deploy.local.servidor postgres`."""

from __future__ import annotations

import os
import sys

from deploy.local.instalacion import Instalacion
from deploy.local.procesos import esperar
from deploy.local.puertos import libre


def main(nombre: str) -> None:
    """Replace this process by the server, so that signals and its pid are the server's own."""
    instalacion = Instalacion.actual()
    if nombre == "postgres":
        instalacion.postgres.preparar()
        orden, entorno = instalacion.postgres.orden(), instalacion.postgres.entorno()
    else:
        rabbit = instalacion.rabbit
        rabbit.preparar()
        entorno = rabbit.entorno()
        if nombre == "epmd":
            orden = rabbit.orden_epmd()
        else:
            orden = rabbit.orden()
            # A node that finds no port mapper starts one that outlives it.
            if not esperar(lambda: not libre(instalacion.puertos["epmd"]), 15):
                sys.exit("epmd is not there yet")
    os.chdir("/")
    # The mark by which the processes of an installation are found when supervisord was killed.
    os.execve(orden[0], orden, {**entorno, "SUPERVISADO_EN": str(instalacion.dir)})


if __name__ == "__main__":
    main(sys.argv[1])
