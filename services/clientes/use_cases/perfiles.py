"""Perfiles: who a person is and what it administers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import (
    Credenciales,
    PerfilGuardado,
)
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def crear_perfil(uow: Uow, peticion: c.CrearPerfil, credenciales: Credenciales) -> c.Perfil:
    """A person, with a correo and a móvil that no other perfil has: the trusted call, confirmed at once."""
    perfil = PerfilGuardado(
        perfil_id=uuid4(),
        nombre=domain.texto_requerido(peticion.nombre, "nombre"),
        correo=domain.normalizar_correo(peticion.correo),
        movil=domain.normalizar_movil(peticion.movil),
        hash_contrasena=credenciales.resumir(peticion.contrasena),
        creado_en=uow.ahora,
        confirmado_en=uow.ahora,
    )
    if not uow.repo.agregar_perfil(perfil):
        raise DomainError(
            Codigo.CONFLICTO,
            "Ya existe un perfil con ese correo o ese móvil. Inicie sesión con él, o use otros datos.",
        )
    return ver_perfil(uow, perfil)


def obtener_perfil(uow: Uow, peticion: c.ObtenerPerfil) -> c.Perfil:
    """A perfil with the CMs that it administers."""
    return ver_perfil(uow, perfil_de(uow, peticion.perfil_id))


def perfil_de(uow: Uow, perfil_id: UUID, *, bloquear: bool = False) -> PerfilGuardado:
    """Who has not confirmed its correo is nobody yet, and who was erased nobody any more."""
    perfil = uow.repo.perfil(perfil_id, bloquear=bloquear)
    if perfil is None or perfil.confirmado_en is None or perfil.suprimido_en is not None:
        raise no_encontrado("ese perfil")
    return perfil


def cuentas_de(uow: Uow, perfil_id: UUID) -> list[c.CuentaDePerfil]:
    return [c.CuentaDePerfil(**asdict(x)) for x in uow.repo.administra(perfil_id)]


def ver_perfil(uow: Uow, perfil: PerfilGuardado) -> c.Perfil:
    factor = uow.repo.segundo_factor(perfil.perfil_id)
    return c.Perfil(
        perfil_id=perfil.perfil_id,
        nombre=perfil.nombre,
        correo=perfil.correo,
        movil=perfil.movil,
        creado_en=perfil.creado_en,
        cuentas=cuentas_de(uow, perfil.perfil_id),
        nics=uow.repo.nics_de_perfil(perfil.perfil_id),
        correo_pendiente=uow.repo.correo_pendiente(perfil.perfil_id, uow.ahora),
        segundo_factor=factor is not None and factor.confirmado_en is not None,
    )
