"""The guard: freezes a CTI that is used as it never was, and tells its CM (domain/guarda.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.timbrado.domain import guarda
from shared.crash import crash_point
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.credenciales import Credenciales
    from services.timbrado.repository import Repositorio

log = get_logger(__name__)


def anotar_vistas(uow: UnitOfWork[Repositorio], credenciales: Credenciales) -> None:
    """Write what this process saw since the last time: last use of keys, wrong passwords.

    A process killed in between loses its last seconds of both, which neither spends nor freezes anything.
    """
    notas = credenciales.retirar_notas()
    try:
        if notas.usos:
            uow.repo.llaves_usadas(notas.usos)
        if notas.fallos:
            uow.repo.contar_fallos(notas.fallos)
        uow.commit()
    except Exception:
        credenciales.devolver_notas(notas)
        raise


def vigilar(uow: UnitOfWork[Repositorio]) -> int:
    """Freeze what is unusual and tell it, in one transaction; returns how many. One replica at a time does it."""
    if not uow.repo.ser_guarda():
        return 0
    desde = (uow.ahora - guarda.GRACIA).replace(minute=0, second=0, microsecond=0)
    motivos: dict[str, str] = {}
    for actividad in uow.repo.horas_activas(desde, guarda.PISO, guarda.HISTORIA):
        motivo = guarda.motivo_de_congelar(actividad)
        if motivo is not None:
            motivos.setdefault(actividad.cti, motivo)
    congeladas = uow.repo.congelar(motivos) if motivos else []
    uow.repo.avisar_varios(
        [
            # One a transaction: a CTI frozen again after it was reactivated is news.
            (f.cuenta_id, "cti_congelada", f.id, guarda.aviso_de_congelada(f.id, f.motivo), _clave(f.id, uow))
            for f in congeladas
        ]
        + [
            (
                f.cuenta_id,
                "contrasenas_equivocadas",
                f.cti,
                guarda.aviso_de_fallos(f.cti, f.cuantos),
                f"fallos:{f.cti}:{f.hora:%Y-%m-%dT%H}",
            )
            for f in uow.repo.muchos_fallos(guarda.FALLOS, guarda.VENTANA_DE_FALLOS)
        ]
    )
    for f in congeladas:
        uow.asentar(
            "timbrado.congelar_cti",
            cuentas=(f.cuenta_id,),
            objeto=f"cti:{f.id}",
            detalle={"bloqueada": True, "motivo": f.motivo},
        )
    uow.repo.olvidar_fallos()
    uow.repo.olvidar_anteriores()
    crash_point("guarda.antes_de_confirmar")
    uow.commit()
    if congeladas:
        log.warning("ctis_congeladas", ctis=[f.id for f in congeladas])
    return len(congeladas)


def _clave(cti: str, uow: UnitOfWork[Repositorio]) -> str:
    return f"guarda:{cti}:{uow.ahora.isoformat()}"
