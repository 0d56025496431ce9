"""Who controls a cliente's account (manual: Establecer el Perfil principal de un cliente)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes import domain
from services.clientes.domain import ClienteGuardado, PerfilGuardado
from services.clientes.mensajes import clientes as mensajes
from services.clientes.use_cases.clientes import cliente_de, ver_cliente
from services.clientes.use_cases.correos import escribir
from services.clientes.use_cases.cuentas import cuenta_de
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError, campo_invalido
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def asignar_perfil_principal(uow: Uow, peticion: c.AsignarPerfilPrincipal) -> c.PerfilPrincipal:
    """A confirmed perfil that administers no CM: else the distributor would have the account in its own name.

    Whoever had it before and whoever has it now are told by mail.
    """
    cuenta = cuenta_de(uow, peticion.cuenta_id)
    domain.exigir_activa(cuenta)
    # The perfil is locked before the cliente, and before a CM can be given to it.
    perfil = uow.repo.perfil_por_correo_y_movil(
        domain.normalizar_correo(peticion.correo), domain.normalizar_movil(peticion.movil)
    )
    cliente = cliente_de(uow, peticion.cuenta_id, peticion.nic, bloquear=True)
    perfil = _exigir_apto(uow, perfil)
    _auditar(uow, cliente, perfil.perfil_id)
    if cliente.perfil_principal_id != perfil.perfil_id:
        anterior = cliente
        cliente = uow.repo.cambiar_cliente(cliente.cliente_id, {"perfil_principal_id": perfil.perfil_id})
        _avisar_al_anterior(uow, anterior, cuenta.nombre)
        escribir(
            uow,
            perfil.correo,
            mensajes.perfil_principal_asignado(cliente.nombre, cliente.nic, cuenta.nombre),
            f"perfil_principal:{cliente.cliente_id}:{cliente.version}:nuevo",
        )
    return c.PerfilPrincipal(
        nic=cliente.nic,
        perfil_id=perfil.perfil_id,
        nombre=perfil.nombre,
        correo=perfil.correo,
        movil=perfil.movil,
    )


def quitar_perfil_principal(uow: Uow, peticion: c.QuitarPerfilPrincipal) -> c.Cliente:
    """Nobody controls the account from now on; doing it twice is harmless."""
    cuenta = cuenta_de(uow, peticion.cuenta_id)
    domain.exigir_activa(cuenta)
    cliente = cliente_de(uow, peticion.cuenta_id, peticion.nic, bloquear=True)
    _auditar(uow, cliente, None)
    if cliente.perfil_principal_id is not None:
        _avisar_al_anterior(uow, cliente, cuenta.nombre)
        cliente = uow.repo.cambiar_cliente(cliente.cliente_id, {"perfil_principal_id": None})
    return ver_cliente(cliente)


def _auditar(uow: Uow, cliente: ClienteGuardado, nuevo: UUID | None) -> None:
    uow.auditar(
        objeto=f"cliente:{cliente.nic}",
        antes={"perfil_principal_id": cliente.perfil_principal_id},
        despues={"perfil_principal_id": nuevo or "ninguno"},
    )


def _exigir_apto(uow: Uow, perfil: PerfilGuardado | None) -> PerfilGuardado:
    if perfil is None:
        raise campo_invalido(
            "correo",
            "No existe un perfil con ese correo y ese móvil. Pida a su cliente que se registre primero.",
        )
    if perfil.confirmado_en is None:
        raise campo_invalido(
            "correo",
            "Ese perfil aún no confirma su correo. Pida a su cliente que abra el enlace que recibió al registrarse.",
        )
    if uow.repo.administra_alguna(perfil.perfil_id):
        raise DomainError(
            Codigo.NO_PERMITIDO,
            "Ese perfil administra una Cuenta Maestra y no puede ser el perfil principal de un cliente. "
            "Use el perfil propio del cliente.",
        )
    return perfil


def _avisar_al_anterior(uow: Uow, cliente: ClienteGuardado, cuenta: str) -> None:
    """`cliente` as it was: the perfil that had it gets a mail."""
    if cliente.perfil_principal_id is None:
        return
    anterior = uow.repo.perfil(cliente.perfil_principal_id)
    if anterior is not None:
        escribir(
            uow,
            anterior.correo,
            mensajes.perfil_principal_retirado(cliente.nombre, cliente.nic, cuenta),
            f"perfil_principal:{cliente.cliente_id}:{cliente.version + 1}:anterior",
        )
