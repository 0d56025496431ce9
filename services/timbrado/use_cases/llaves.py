"""Generated keys of a CTI, used in the place of its password; and its limits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from uuid import UUID

from services.timbrado import domain
from services.timbrado.domain.limites import Limites, normalizar_redes, normalizar_rfcs
from services.timbrado.use_cases.cuentas import propia, tomar_propia
from shared import pagination
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio


def crear_llave(uow: UnitOfWork[Repositorio], p: c.CrearLlave) -> c.LlaveCreada:
    """A new key, shown once. It works as soon as this is committed."""
    cti = tomar_propia(uow, p.cuenta_id, p.cti)
    nombre = " ".join(p.nombre.split()) or "Sin nombre"
    llave = domain.generar_llave()
    id_ = uow.repo.crear_llave(cti.id, nombre, domain.huella_de_llave(llave), llave[-4:], p.actor)
    if id_ is None:
        raise DomainError(
            Codigo.CONFLICTO,
            f"Esta cuenta de timbrado ya tiene {domain.LLAVES_MAXIMAS} llaves. Revoque una que no use.",
        )
    # A process that remembers the CTI without this key must read it again.
    uow.repo.libro.cambiar_version(cti.libro_id)
    uow.repo.anotar(
        cti.id, "llave_creada", p.actor, p.origen_ip, detalle={"llave_id": str(id_), "nombre": nombre}
    )
    return c.LlaveCreada(id=id_, nombre=nombre, termina_en=llave[-4:], llave=llave)


def listar_llaves(uow: UnitOfWork[Repositorio], p: c.ListarLlaves) -> c.PaginaLlaves:
    """Keys of a CTI, newest first."""
    cti = propia(uow, p.cuenta_id, p.cti)
    filas = uow.repo.pagina_llaves(cti.id, p.limite + 1, pagination.posicion(p.cursor))
    datos = [c.Llave(**f) for f in filas[: p.limite]]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.Posicion(datos[-1].creada_en, datos[-1].id).cursor()
    return c.PaginaLlaves(datos=datos, siguiente=siguiente)


def revocar_llave(uow: UnitOfWork[Repositorio], p: c.RevocarLlave) -> c.Llave:
    """End a key at once; a second time changes nothing."""
    cti = tomar_propia(uow, p.cuenta_id, p.cti)
    if uow.repo.revocar_llave(cti.id, p.llave_id):
        uow.repo.libro.cambiar_version(cti.libro_id)
        llave = _llave(uow, cti.id, p.llave_id)
        uow.repo.anotar(
            cti.id,
            "llave_revocada",
            p.actor,
            p.origen_ip,
            detalle={"llave_id": str(llave.id), "nombre": llave.nombre},
        )
        return llave
    return _llave(uow, cti.id, p.llave_id)


def consultar_limites(uow: UnitOfWork[Repositorio], p: c.ConsultarLimites) -> c.Limites:
    """What a CTI may be used for."""
    return _limites(uow.repo.limites(propia(uow, p.cuenta_id, p.cti).id))


def poner_limites(uow: UnitOfWork[Repositorio], p: c.PonerLimites) -> c.Limites:
    """Replace a CTI's limits; no debit under the former ones begins after this is answered."""
    nuevos = Limites(p.por_minuto, normalizar_rfcs(p.rfcs), normalizar_redes(p.redes), p.tope_por_hora)
    cti = tomar_propia(uow, p.cuenta_id, p.cti)
    antes = uow.repo.limites(cti.id)
    uow.auditar(objeto=f"cti:{cti.id}", antes=asdict(antes), despues=asdict(nuevos))
    if nuevos != antes:
        uow.repo.poner_limites(cti.id, nuevos)
        uow.repo.libro.cambiar_version(cti.libro_id)
        uow.repo.anotar(
            cti.id,
            "limites",
            p.actor,
            p.origen_ip,
            detalle={"antes": asdict(antes), "despues": asdict(nuevos)},
        )
    return _limites(nuevos)


def _llave(uow: UnitOfWork[Repositorio], cti: str, id_: UUID) -> c.Llave:
    llave = uow.repo.llave(cti, id_)
    if llave is None:
        raise no_encontrado("la llave")
    return c.Llave(**llave)


def _limites(limites: Limites) -> c.Limites:
    return c.Limites(
        por_minuto=limites.por_minuto,
        rfcs=list(limites.rfcs),
        redes=list(limites.redes),
        tope_por_hora=limites.tope_por_hora,
    )
