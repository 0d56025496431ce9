"""What time alone brings about: expiries and their notices, altas that nobody confirmed, removals.

Safe in any number of replicas: each takes a small lot of rows that no other holds, and does it in one transaction with
its history, its events and its mails; what was done is no longer due.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from services.clientes.domain import vigencia
from services.clientes.domain.cuentas import CuentaGuardada, Estado
from services.clientes.domain.distribuidores import Accion
from services.clientes.mensajes import distribuidores as mensajes
from services.clientes.use_cases.correos import escribir
from services.clientes.use_cases.distribuidores import contar
from services.clientes.use_cases.privacidad import suprimir_cuentas
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: Rows of each kind that one transaction takes.
LOTE = 100
#: Rows of reports of imports that one transaction deletes.
FILAS = 20_000
SIN_CONFIRMAR = "Nadie la confirmó en 30 días."


def vigilar(uow: Uow, ahora: datetime) -> int:
    """One lot of everything that is due at `ahora`; how many CMs it touched. The caller commits."""
    return sum(turno(uow, ahora) for turno in TURNOS)


def _vencer(uow: Uow, ahora: datetime) -> int:
    debidas = uow.repo.por_vencer(vigencia.corte_de_vencidas(ahora), LOTE)
    if not debidas:
        return 0
    ids = [x.cuenta_id for x in debidas]
    cambiadas = uow.repo.cambiar_varias(ids, Accion.VENCER, Estado.ACTIVO, Estado.VENCIDO, None, ahora)
    titulares = uow.repo.titulares_de(ids)
    for cuenta in cambiadas:
        contar(uow, cuenta)
        titular = titulares.get(cuenta.cuenta_id)
        if titular is not None and cuenta.vence_en is not None:
            mensaje = mensajes.vencida(cuenta.nombre, cuenta.vence_en)
            escribir(uow, titular.correo, mensaje, _clave(cuenta, "vencida"))
    return len(cambiadas)


def _avisar(uow: Uow, ahora: datetime) -> int:
    debidas = uow.repo.por_avisar(ahora, LOTE)
    if not debidas:
        return 0
    titulares = uow.repo.titulares_de([x.cuenta_id for x in debidas])
    proximos = []
    for cuenta in debidas:
        assert cuenta.vence_en is not None
        proximos.append((cuenta.cuenta_id, vigencia.proximo_aviso(cuenta.vence_en, ahora)))
        aviso = vigencia.aviso_vigente(cuenta.vence_en, ahora)
        titular = titulares.get(cuenta.cuenta_id)
        if aviso is None or titular is None:
            continue
        quedan = vigencia.dias_restantes(cuenta.vence_en, ahora)
        mensaje = mensajes.por_vencer(cuenta.nombre, cuenta.vence_en, quedan)
        escribir(uow, titular.correo, mensaje, _clave(cuenta, f"por_vencer:{aviso}"))
    uow.repo.poner_avisos(proximos)
    return len(debidas)


def _caducar(uow: Uow, ahora: datetime) -> int:
    ids = [x.cuenta_id for x in uow.repo.por_caducar(ahora, LOTE)]
    if not ids:
        return 0
    return _contar_varias(
        uow,
        uow.repo.cambiar_varias(
            ids, Accion.CANCELAR, Estado.SIN_VALIDAR, Estado.CANCELADO, SIN_CONFIRMAR, ahora
        ),
    )


def _eliminar(uow: Uow, ahora: datetime) -> int:
    ids = [x.cuenta_id for x in uow.repo.por_eliminar(vigencia.corte_de_canceladas(ahora), LOTE)]
    if not ids:
        return 0
    # Reports of imports have millions of rows: they go before, so many in a transaction as surely end in time.
    if uow.repo.borrar_filas_importadas(ids, FILAS) == FILAS:
        return LOTE
    cambiadas = uow.repo.cambiar_varias(ids, Accion.ELIMINAR, Estado.CANCELADO, Estado.ELIMINADO, None, ahora)
    suprimir_cuentas(uow, ids, ahora)
    return _contar_varias(uow, cambiadas)


#: What time brings about, each in a transaction of its own when it is done for good: what one can't do holds up no other.
TURNOS = (_vencer, _avisar, _caducar, _eliminar)


def _contar_varias(uow: Uow, cuentas: Sequence[CuentaGuardada]) -> int:
    for cuenta in cuentas:
        contar(uow, cuenta)
    return len(cuentas)


def _clave(cuenta: CuentaGuardada, que: str) -> str:
    """One mail per expiry: a renewal begins anew."""
    assert cuenta.vence_en is not None
    return f"cuenta:{cuenta.cuenta_id}:{que}:{cuenta.vence_en.isoformat()}"
