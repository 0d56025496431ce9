"""The SAT's LCO: loading a new one, its state, and the switch that has stamping ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from services.timbrado.cfdi.lco import LcoIlegible, Lectura
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio
    from services.timbrado.repository.lco import CargaDeLco

#: A list with less than this share of the one in use is taken for cut short.
MINIMO = 0.5


def consultar_lco(uow: UnitOfWork[Repositorio], _: object) -> c.EstadoDeLco:
    """What is in use."""
    uso = uow.repo.lco_en_uso()
    return c.EstadoDeLco(
        exigir=uso.exigir,
        version=uso.version,
        fecha=uso.fecha.date() if uso.fecha is not None else None,
        lineas=uso.lineas or 0,
        cargada_en=uso.cargada_en,
    )


def configurar_lco(uow: UnitOfWork[Repositorio], p: c.ConfigurarLco) -> c.EstadoDeLco:
    """Turn the switch. Raises `conflicto` where there is no list to ask."""
    if p.exigir and uow.repo.lco_en_uso(bloquear=True).version is None:
        raise DomainError(
            Codigo.CONFLICTO,
            "No hay una LCO cargada, y exigirla detendría todo el timbrado. Cárguela primero con make lco.",
        )
    uow.auditar(objeto="lco", antes=consultar_lco(uow, p))
    uow.repo.exigir_lco(p.exigir)
    return consultar_lco(uow, p)


def cargar(
    archivos: Sequence[Path],
    carga: Callable[[], AbstractContextManager[CargaDeLco]],
    *,
    forzar: bool = False,
) -> int:
    """Load the files of one list as a new version and put it in use; answers how many lines it has.

    `carga` opens a transaction that commits at its end. Raises `LcoIlegible` (a file is not one, is of another
    day, or the list is far shorter than the one in use and not `forzar`d) or `conflicto` (a load is under way).
    """
    with carga() as c_:
        if not c_.libre:
            raise DomainError(Codigo.CONFLICTO, "Otra carga de la LCO está en curso. Espere a que termine.")
        antes = c_.lineas_en_uso()
        lecturas = [Lectura(archivo) for archivo in archivos]
        version, lineas = c_.copiar(_lineas(lecturas))
        if lineas == 0 or (lineas < antes * MINIMO and not forzar):
            raise LcoIlegible(
                f"la lista tiene {lineas} renglones y la que está en uso {antes}: parece incompleta. Revise los "
                "archivos, o cárguela con forzar=1"
            )
        c_.usar(version, _fecha(lecturas), lineas)
    with carga() as c_:
        if c_.libre:
            c_.soltar_anteriores()
    return lineas


def _lineas(lecturas: Sequence[Lectura]) -> Iterator[tuple[str, str, str, int]]:
    for lectura in lecturas:
        for linea in lectura:
            yield linea.numero, linea.rfc, linea.estado, linea.obligaciones


def _fecha(lecturas: Sequence[Lectura]) -> datetime:
    """The one date of all files."""
    fechas = {lectura.fecha for lectura in lecturas}
    fecha = fechas.pop()
    if fechas or fecha is None:
        raise LcoIlegible("los archivos son de días distintos. Cargue todos los de una misma fecha")
    return fecha
