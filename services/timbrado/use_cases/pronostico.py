"""Forecasts of days of balance, and the rhythms of consumption that they rest on."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from services.timbrado import domain
from services.timbrado.domain import pronostico
from services.timbrado.domain.venta_automatica import ZONA
from shared import pagination
from shared.contracts import timbrado as c
from shared.errors import campo_invalido, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio

#: CTI whose rhythm is worked out in one transaction.
LOTE = 500
#: A CTI that has no whole day yet is looked at again after this.
PRONTO = timedelta(hours=1)


def recalcular_ritmos(uow: UnitOfWork[Repositorio]) -> int:
    """Work out one lot of rhythms that the new day has made old; returns how many. The caller commits."""
    hoy = _hoy(uow)
    manana = datetime.combine(hoy + timedelta(days=1), time(), ZONA)
    nuevos = []
    for r in uow.repo.ritmos_vencidos(hoy, LOTE):
        dias, tasas = pronostico.tasas([r.s1, r.s2, r.s3, r.s4, r.s5, r.s6, r.s7], r.de_hoy, r.desde, hoy)
        cuando = manana if r.desde < hoy else min(manana, uow.ahora + PRONTO)
        nuevos.append((r.cti, dias, tasas, cuando))
    if nuevos:
        uow.repo.guardar_ritmos(nuevos)
    return len(nuevos)


def obtener_pronostico(uow: UnitOfWork[Repositorio], p: c.ObtenerPronostico) -> c.Pronostico:
    """For how long the balance of a CTI lasts."""
    cti = uow.repo.detalle_cti(p.cuenta_id, p.cti)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    if cti["tipo"] != domain.TipoCti.ESTANDAR:
        raise campo_invalido("cti", "Una CTI ilimitada no maneja saldo: consulte su vigencia.")
    historia, tasas = uow.repo.ritmos([p.cti]).get(p.cti, (0, [0] * 7))
    return _pronostico(_hoy(uow), cti["id"], cti["nic"], cti["disponible"], historia, tasas)


def listar_pronosticos(uow: UnitOfWork[Repositorio], p: c.ListarPronosticos) -> c.PaginaPronosticos:
    """CTI of the CM, those whose balance ends first at the top."""
    hoy = _hoy(uow)
    filas = uow.repo.pagina_pronosticos(p.cuenta_id, hoy, p.dias_menos_de, _lugar(p.cursor), p.limite + 1)
    pagina = filas[: p.limite]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.cursor_de(f"{pagina[-1].dias}:{pagina[-1].cti}")
    datos = [_pronostico(hoy, f.cti, f.nic, f.disponible, f.historia, f.tasas) for f in pagina]
    return c.PaginaPronosticos(datos=datos, siguiente=siguiente)


def _hoy(uow: UnitOfWork[Repositorio]) -> date:
    return uow.ahora.astimezone(ZONA).date()


def _lugar(cursor: str | None) -> tuple[int, str]:
    """(days, CTI) where the page before ended. Raises `datos_invalidos`."""
    texto = pagination.texto(cursor)
    if texto is None:
        return -1, ""
    dias, _, cti = texto.partition(":")
    if not (dias.isascii() and dias.isdigit() and len(dias) <= 10):
        raise campo_invalido("cursor", "El cursor no es válido. Pida de nuevo la primera página.")
    return int(dias), cti


def _pronostico(
    hoy: date, cti: str, nic: int, disponible: int, historia: int, tasas: list[int]
) -> c.Pronostico:
    hecho = pronostico.pronosticar(disponible, tasas, historia, hoy)
    return c.Pronostico(
        cti=cti,
        nic=nic,
        disponible=disponible,
        promedio_diario=hecho.promedio_diario,
        dias=hecho.dias,
        termina=hecho.termina,
        poca_historia=hecho.poca_historia,
    )
