"""Cuentas maestras: the root and the distributors under it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import (
    CuentaGuardada,
    Estado,
    Rol,
    vigencia,
)
from services.clientes.domain.distribuidores import Accion, Cambio, Quien
from services.clientes.use_cases.perfiles import perfil_de
from shared.contracts import clientes as c
from shared.contracts.eventos import (
    CUENTA_MAESTRA_CREADA,
    CuentaMaestraCreada,
)
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.persistence.uow import UnitOfWork
from shared.rfc import validar_rfc

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def crear_cuenta_maestra(uow: Uow, peticion: c.CrearCuentaMaestra) -> c.CuentaMaestra:
    """The root (once), or a distributor under an active CM, with its titular."""
    padre = None
    if peticion.padre_id is not None:
        padre = cuenta_de(uow, peticion.padre_id)
    titular = perfil_de(uow, peticion.titular_perfil_id, bloquear=True)
    if padre is not None:
        # Again, now that its state can't change: perfil before cuenta maestra.
        padre = uow.repo.cuenta_para_hijas(padre.cuenta_id) or padre
        domain.exigir_activa(padre)
    if padre is not None and uow.repo.es_usuario(padre.cuenta_id, titular.perfil_id):
        raise campo_invalido(
            "titular_perfil_id", "El titular no puede ser quien administra la cuenta padre. Use otro perfil."
        )
    if uow.repo.nics_de_perfil(titular.perfil_id):
        raise DomainError(
            Codigo.CONFLICTO,
            "Ese perfil es el perfil principal de un cliente y no puede administrar una Cuenta Maestra. "
            "Use otro perfil, o convierta al cliente en distribuidor.",
        )
    ahora = uow.ahora
    vence_en = vigencia.primer_vencimiento(ahora) if padre else None
    cuenta = CuentaGuardada(
        cuenta_id=uuid4(),
        padre_id=peticion.padre_id,
        nombre=domain.texto_requerido(peticion.nombre, "nombre"),
        rfc=validar_rfc(peticion.rfc) if peticion.rfc else None,
        estado=Estado.ACTIVO.value,
        vence_en=vence_en,
        creado_en=ahora,
        estado_desde=ahora,
        proximo_aviso=None if vence_en is None else vigencia.proximo_aviso(vence_en, ahora),
    )
    if not uow.repo.agregar_cuenta(cuenta):
        raise DomainError(
            Codigo.CONFLICTO, "La cuenta raíz ya existe. Indique la cuenta padre del distribuidor."
        )
    uow.repo.agregar_usuario(
        cuenta_id=cuenta.cuenta_id, perfil_id=titular.perfil_id, rol=Rol.TITULAR, creado_en=ahora
    )
    uow.repo.anotar_cambio(
        Cambio(
            cuenta_id=cuenta.cuenta_id,
            accion=Accion.ALTA,
            de=None,
            a=Estado.ACTIVO,
            quien=Quien.SISTEMA,
            actor=peticion.actor,
            motivo=None,
            en=ahora,
        )
    )
    uow.publish(
        CUENTA_MAESTRA_CREADA,
        CuentaMaestraCreada(cuenta_id=cuenta.cuenta_id, padre_id=cuenta.padre_id, nombre=cuenta.nombre),
    )
    return ver_cuenta(cuenta)


def obtener_cuenta(uow: Uow, peticion: c.ObtenerCuenta) -> c.CuentaMaestra:
    """One CM."""
    return ver_cuenta(cuenta_de(uow, peticion.cuenta_id))


def cuenta_de(uow: Uow, cuenta_id: UUID) -> CuentaGuardada:
    cuenta = uow.repo.cuenta(cuenta_id)
    if cuenta is None:
        raise no_encontrado("esa Cuenta Maestra")
    return cuenta


def ver_cuenta(cuenta: CuentaGuardada) -> c.CuentaMaestra:
    publicos = {n: v for n, v in asdict(cuenta).items() if n in _PUBLICOS}
    return c.CuentaMaestra(**publicos, es_raiz=cuenta.es_raiz)


_PUBLICOS = {f.name for f in fields(c.CuentaMaestra)} - {"es_raiz"}
