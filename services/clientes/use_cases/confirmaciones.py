"""The new distributor confirms its alta: with the perfil that it has, or with one made here.

The link came to the correo, so whoever brings it owns that correo: its confirmed perfil is the titular, whatever
móvil the parent wrote; without one, the form makes it, confirmed at once. A perfil that somebody only claimed is not
used: its password would be of who claimed it. Locks: token, perfil, cuentas maestras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import Credenciales, PerfilGuardado, Rol
from services.clientes.domain import distribuidores as reglas
from services.clientes.domain.cuentas import CuentaGuardada, Estado
from services.clientes.domain.distribuidores import Accion, Quien
from services.clientes.mensajes import distribuidores as mensajes
from services.clientes.use_cases import distribuidores
from services.clientes.use_cases.cuentas import cuenta_de
from services.clientes.use_cases.privacidad import anotar_consentimiento
from services.clientes.use_cases.usuarios import aceptar_invitaciones, tomar_cuentas_que_invitan
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError, campo_invalido
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def ver_alta(uow: Uow, p: c.VerAlta) -> c.AltaVista:
    """What the link shows: whose CM, and whether a perfil has to be made. The token can still be used."""
    visto = uow.repo.ver_token(p.token, proposito=reglas.PROPOSITO_ALTA, ahora=uow.ahora)
    cuenta = _por_confirmar(uow, visto[0] if visto else None)
    assert cuenta.correo is not None
    assert cuenta.movil is not None
    assert cuenta.padre_id is not None
    assert cuenta.confirmar_antes_de is not None
    return c.AltaVista(
        nombre=cuenta.nombre,
        padre=cuenta_de(uow, cuenta.padre_id).nombre,
        correo=cuenta.correo,
        movil=cuenta.movil,
        titular=cuenta.titular_nombre,
        tiene_perfil=uow.repo.perfil_por_correo(cuenta.correo) is not None,
        vence_en=cuenta.confirmar_antes_de,
    )


def confirmar_alta(uow: Uow, p: c.ConfirmarAlta, credenciales: Credenciales) -> c.AltaConfirmada:
    """Make the titular and move the CM to sin_activar; the parent is told by mail that it can be activated."""
    usado = uow.repo.usar_token(p.token, proposito=reglas.PROPOSITO_ALTA, ahora=uow.ahora)
    cuenta = _por_confirmar(uow, usado[0] if usado else None)
    assert cuenta.correo is not None
    assert cuenta.padre_id is not None
    perfil = uow.repo.perfil_confirmado(cuenta.correo)
    creado = perfil is None
    if perfil is None:
        perfil = _crear(uow, cuenta, p, credenciales)
        tomar_cuentas_que_invitan(uow, perfil.correo, cuenta.cuenta_id)
    _exigir_libre(uow, cuenta, perfil)
    cambiada = distribuidores.cambiar(uow, cuenta, Accion.VALIDAR, Quien.PROPIA, perfil.perfil_id)
    uow.repo.agregar_usuario(
        cuenta_id=cuenta.cuenta_id, perfil_id=perfil.perfil_id, rol=Rol.TITULAR, creado_en=uow.ahora
    )
    uow.auditar(
        objeto=f"distribuidor:{cuenta.cuenta_id}",
        antes=distribuidores.estado_de(cuenta),
        despues={**distribuidores.estado_de(cambiada), "titular_perfil_id": perfil.perfil_id},
        cuentas=[x for x in (cuenta.padre_id, cuenta.cuenta_id) if x],
    )
    distribuidores.contar_creada(uow, cambiada)
    padre = cuenta_de(uow, cuenta.padre_id)
    distribuidores.avisar(
        uow,
        padre,
        mensajes.por_activar(cuenta.nombre, perfil.nombre, str(cuenta.cuenta_id)),
        "por_activar",
        cuenta.cuenta_id,
        perfil.perfil_id,
    )
    if creado:
        # As at any other confirmation of a correo; the parent's own would put the perfil on both sides, and waits.
        aceptar_invitaciones(uow, perfil)
    return c.AltaConfirmada(
        cuenta_id=cuenta.cuenta_id,
        nombre=cuenta.nombre,
        estado=cambiada.estado,
        correo=perfil.correo,
        perfil_creado=creado,
    )


def _por_confirmar(uow: Uow, sujeto: str | None) -> CuentaGuardada:
    cuenta = uow.repo.cuenta(UUID(sujeto)) if sujeto else None
    if cuenta is None or cuenta.estado != Estado.SIN_VALIDAR:
        raise DomainError(
            Codigo.NO_ENCONTRADO,
            "Este enlace ya se usó o venció. Si ya confirmó, inicie sesión; si no, pida a su distribuidor que le reenvíe"
            " el correo.",
        )
    return cuenta


def _crear(
    uow: Uow, cuenta: CuentaGuardada, p: c.ConfirmarAlta, credenciales: Credenciales
) -> PerfilGuardado:
    assert cuenta.correo is not None
    nombre = domain.texto_requerido(p.nombre or cuenta.titular_nombre or "", "nombre")
    if p.contrasena is None:
        raise campo_invalido("contrasena", "Elija la contraseña de su perfil, de 10 a 128 caracteres.")
    domain.exigir_contrasena_fuerte(p.contrasena, correo=cuenta.correo, nombre=nombre)
    perfil = PerfilGuardado(
        perfil_id=uuid4(),
        nombre=nombre,
        correo=cuenta.correo,
        movil=domain.normalizar_movil(p.movil) if p.movil else str(cuenta.movil),
        hash_contrasena=credenciales.resumir(p.contrasena),
        creado_en=uow.ahora,
        confirmado_en=uow.ahora,
        aviso_version=p.aviso_version,
    )
    if not uow.repo.agregar_perfil(perfil):
        raise campo_invalido("movil", "Ese móvil ya es de otro perfil. Escriba otro número en «movil».")
    anotar_consentimiento(uow, perfil)
    uow.repo.borrar_rivales(perfil)
    return perfil


def _exigir_libre(uow: Uow, cuenta: CuentaGuardada, perfil: PerfilGuardado) -> None:
    """The titular administers neither the parent nor is it somebody's perfil principal (domain: Words, perfil)."""
    assert cuenta.padre_id is not None
    if uow.repo.es_usuario(cuenta.padre_id, perfil.perfil_id):
        raise DomainError(
            Codigo.CONFLICTO,
            "Su perfil administra la cuenta de la que depende ésta y no puede ser su titular. Pida que reenvíen la"
            " confirmación a otro correo.",
        )
    if uow.repo.nics_de_perfil(perfil.perfil_id):
        raise DomainError(
            Codigo.CONFLICTO,
            "Su perfil es el perfil principal de un cliente y no puede administrar una Cuenta Maestra. Pida que reenvíen la"
            " confirmación a otro correo, o que conviertan al cliente en distribuidor.",
        )
