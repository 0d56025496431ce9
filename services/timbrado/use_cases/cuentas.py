"""CTI: creation with the cliente, delivery of the first password, block, password reset, lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from services.timbrado import domain
from shared import pagination
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.domain import CtiGuardada
    from services.timbrado.repository import Repositorio

#: Hashes a password with argon2id, off the event loop; handed in by the service.
Hasher = Callable[[str], str]


def abrir_existencia(uow: UnitOfWork[Repositorio], evento: ev.CuentaMaestraCreada) -> None:
    """A new CM has a stock of timbres, empty."""
    uow.repo.libro.abrir([("existencia", str(evento.cuenta_id), True)])


def crear_cti_estandar(uow: UnitOfWork[Repositorio], evento: ev.ClienteCreado) -> None:
    """Each new cliente has a CTI estándar, ready to use (manual: Cuentas de Timbrado)."""
    uow.repo.crear_cti(evento.cti, evento.nic, evento.cliente_id, evento.cuenta_id)


def entregar_cti_inicial(
    hasher: Hasher,
) -> Callable[[UnitOfWork[Repositorio], c.EntregarCtiInicial], c.CtiConContrasena]:
    """Deliver the first password once; creates the CTI if its event has not arrived yet."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.EntregarCtiInicial) -> c.CtiConContrasena:
        uow.repo.crear_cti(p.cti, p.nic, p.cliente_id, p.cuenta_id)
        uow.repo.tomar_cti(p.cti)
        cti = _propia(uow, p.cuenta_id, p.cti)
        if cti.hash_contrasena is not None:
            return c.CtiConContrasena(id=cti.id)
        return c.CtiConContrasena(id=cti.id, contrasena=_poner(uow, cti, domain.generar_contrasena(), hasher))

    return use_case


def restablecer_contrasena(
    hasher: Hasher,
) -> Callable[[UnitOfWork[Repositorio], c.RestablecerContrasena], c.CtiConContrasena]:
    """Set a new password; whoever holds the old one can't spend from the commit on (manual: Restablecer)."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.RestablecerContrasena) -> c.CtiConContrasena:
        uow.repo.tomar_cti(p.cti)
        cti = _propia(uow, p.cuenta_id, p.cti)
        nueva = _poner(uow, cti, p.contrasena or domain.generar_contrasena(), hasher)
        return c.CtiConContrasena(id=cti.id, contrasena=nueva if p.contrasena is None else None)

    return use_case


def bloquear_cti(uow: UnitOfWork[Repositorio], p: c.BloquearCti) -> c.Cti:
    """Block or reactivate (manual: Bloquear/reactivar una Cuenta de Timbrado). Doing it twice is harmless."""
    if p.bloqueada and not (p.motivo or "").strip():
        raise DomainError(
            Codigo.DATOS_INVALIDOS,
            "Escriba el motivo del bloqueo.",
            errores={"motivo": ["Escriba el motivo del bloqueo."]},
        )
    cti = _propia(uow, p.cuenta_id, p.cti)
    uow.repo.libro.bloquear(cti.libro_id, p.bloqueada)
    uow.repo.poner_motivo(cti.id, p.motivo if p.bloqueada else None)
    return obtener_cti(uow, c.ObtenerCti(cuenta_id=p.cuenta_id, cti=p.cti))


def obtener_cti(uow: UnitOfWork[Repositorio], p: c.ObtenerCti) -> c.Cti:
    """One CTI of the CM."""
    detalle = uow.repo.detalle_cti(p.cuenta_id, p.cti)
    if detalle is None:
        raise no_encontrado("la cuenta de timbrado")
    return c.Cti(**detalle)


def listar_ctis(uow: UnitOfWork[Repositorio], p: c.ListarCtis) -> c.PaginaCtis:
    """CTIs of the CM by id; the cursor is the last id of the page."""
    filas = uow.repo.pagina_ctis(p.cuenta_id, p.nic, pagination.texto(p.cursor) or "", p.limite + 1)
    datos = [c.Cti(**f) for f in filas[: p.limite]]
    return c.PaginaCtis(
        datos=datos, siguiente=pagination.cursor_de(datos[-1].id) if len(filas) > p.limite else None
    )


def _propia(uow: UnitOfWork[Repositorio], cuenta_id: UUID, id_: str) -> CtiGuardada:
    cti = uow.repo.cti_de(cuenta_id, id_)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    return cti


def _poner(uow: UnitOfWork[Repositorio], cti: CtiGuardada, contrasena: str, hasher: Hasher) -> str:
    uow.repo.poner_contrasena(cti.id, hasher(contrasena))
    uow.repo.libro.cambiar_version(cti.libro_id)
    return contrasena
