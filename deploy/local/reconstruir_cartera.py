"""`make reconstruir-cartera`: the searchable cartera worked out anew, while it is in use.

Nothing is dropped. Page by page of clientes, in order of id: their local fields again from `clientes`, and their
balances as timbrado and puntos have sealed them. Where it stopped it goes on (`desde_el_inicio=1`: from the start).
A balance that an event changed while its page was being asked for stays: the event is the newer word.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from uuid import UUID

from sqlalchemy import Engine

from services.clientes.repository import Repositorio
from services.clientes.use_cases import cartera
from shared.config import settings
from shared.contracts import puntos as pu
from shared.contracts import timbrado as ti
from shared.contracts.eventos import SaldosDePuntos, SaldosDeTimbres
from shared.errors import DomainError
from shared.messaging.rpc_client import RpcClient
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

#: Seconds that an answer of one page may take.
PLAZO = 30.0


def pagina(engine: Engine, bus: RpcClient, despues_de: UUID | None) -> tuple[int, UUID | None]:
    """Rebuild the page after an id; how many it had and where it ended (None: nothing is left)."""
    with UnitOfWork(engine, Repositorio) as uow:
        previas = uow.repo.versiones_de_cartera(despues_de, ti.CLIENTES_POR_PAGINA)
    if not previas.clientes:
        with UnitOfWork(engine, Repositorio) as uow:
            uow.repo.avanzar_reconstruccion(None)
            uow.commit()
        return 0, None
    timbres = bus.llamar(ti.SALDOS_DE_CLIENTES, ti.SaldosDeClientes(clientes=previas.clientes), PLAZO)
    puntos = bus.llamar(pu.SALDOS_DE_CLIENTES, pu.SaldosDeClientes(clientes=previas.clientes), PLAZO)
    with UnitOfWork(engine, Repositorio) as uow:
        cartera.reconstruir(uow, previas, SaldosDeTimbres(**vars(timbres)), SaldosDePuntos(**vars(puntos)))
        uow.repo.avanzar_reconstruccion(previas.clientes[-1])
        uow.commit()
    return len(previas.clientes), previas.clientes[-1]


def reconstruir(engine: Engine, bus: RpcClient, *, desde_el_inicio: bool = False) -> int:
    """All pages from where the last run stopped; how many clientes."""
    with UnitOfWork(engine, Repositorio) as uow:
        lugar = None if desde_el_inicio else uow.repo.lugar_de_reconstruccion()
    hechos = 0
    while True:
        cuantos, lugar = pagina(engine, bus, lugar)
        if lugar is None:
            return hechos
        hechos += cuantos
        print(f"{hechos:>10,} clientes, up to {lugar}", flush=True)


def main(argumentos: list[str]) -> int:
    """Answers the exit code."""
    parser = argparse.ArgumentParser(prog="make reconstruir-cartera")
    parser.add_argument("--desde-el-inicio", action="store_true")
    opciones = parser.parse_args(argumentos)
    engine = new_engine(os.environ["DATABASE_URL_CLIENTES"], 1)
    bus = RpcClient(settings().amqp_url)
    inicio = time.monotonic()
    try:
        hechos = reconstruir(engine, bus, desde_el_inicio=opciones.desde_el_inicio)
    except DomainError as error:
        print(f"Stopped: {error.detail} Run it again; it goes on from here.", file=sys.stderr)
        return 1
    finally:
        bus.close()
        engine.dispose()
    print(f"Rebuilt: {hechos:,} clientes in {time.monotonic() - inicio:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
