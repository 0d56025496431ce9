"""Signing in, renewing and signing out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import (
    Credenciales,
    PerfilGuardado,
    Totp,
)
from services.clientes.use_cases.acceso import firmar_acceso
from services.clientes.use_cases.perfiles import cuentas_de, perfil_de
from services.clientes.use_cases.segundo_factor import exigir_segundo_factor
from shared.contracts import clientes as c
from shared.contracts.base import Vacio
from shared.persistence.uow import Quien, UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def iniciar_sesion(
    uow: Uow, peticion: c.IniciarSesion, credenciales: Credenciales, totp: Totp | None = None
) -> c.Sesion:
    """Sign in. An unknown usuario costs the same work and gets the same answer as a wrong password.

    Only after the right password it is told that the correo is not confirmed, or that a code lacks.
    """
    usuario = domain.normalizar_usuario(peticion.usuario)
    perfil = uow.repo.perfil_por_usuario(usuario) if usuario else None
    # Ends the reading transaction, so that no connection waits for argon2.
    uow.commit()
    if (
        not credenciales.coincide(perfil.hash_contrasena if perfil else None, peticion.contrasena)
        or perfil is None
    ):
        _asentar(uow, "iniciar_sesion", perfil, peticion, "rechazado")
        # The refusal that follows rolls back; that someone tried has to stay.
        uow.commit()
        raise domain.credenciales_invalidas()
    con_factor = exigir_segundo_factor(uow, perfil, peticion.codigo, totp)
    sesion_id, ahora = uuid4(), uow.ahora
    vence_en = ahora + domain.VIDA_SESION
    uow.repo.agregar_sesion(
        sesion_id=sesion_id,
        perfil_id=perfil.perfil_id,
        origen_ip=peticion.origen_ip,
        creada_en=ahora,
        vence_en=vence_en,
    )
    if con_factor:
        uow.repo.marcar_segundo_factor(sesion_id, ahora)
    _asentar(uow, "iniciar_sesion", perfil, peticion)
    return _emitir(uow, sesion_id, perfil, min(ahora + domain.VIDA_RENOVACION, vence_en), credenciales)


def renovar_sesion(uow: Uow, peticion: c.RenovarSesion, credenciales: Credenciales) -> c.Sesion:
    """New tokens for a renewal token, once. A second use means that someone copied it: the session ends."""
    ahora = uow.ahora
    renovacion = uow.repo.tomar_renovacion(domain.huella_de(peticion.renovacion))
    if renovacion is None or renovacion.revocada_en is not None or ahora >= renovacion.vence_en:
        raise domain.sesion_terminada()
    if renovacion.usada_en is not None:
        uow.repo.revocar_sesion(renovacion.sesion_id, ahora, perfil_id=renovacion.perfil_id)
        uow.asentar("clientes.renovar_sesion", objeto=f"perfil:{renovacion.perfil_id}", resultado="rechazado")
        # The refusal that follows rolls back; the revocation has to stay.
        uow.commit()
        raise domain.sesion_terminada()
    perfil = perfil_de(uow, renovacion.perfil_id)
    uow.repo.usar_renovacion(renovacion.huella, ahora)
    vence_en = min(ahora + domain.VIDA_RENOVACION, renovacion.sesion_vence_en)
    return _emitir(uow, renovacion.sesion_id, perfil, vence_en, credenciales)


def cerrar_sesion(uow: Uow, peticion: c.CerrarSesion) -> Vacio:
    """End a session; its access token still lives for the minutes that it has left."""
    uow.repo.revocar_sesion(peticion.sesion_id, uow.ahora, perfil_id=peticion.perfil_id)
    uow.asentar("clientes.cerrar_sesion", objeto=f"perfil:{peticion.perfil_id}")
    return Vacio()


def _asentar(
    uow: Uow, que: str, perfil: PerfilGuardado | None, peticion: c.IniciarSesion, resultado: str = "hecho"
) -> None:
    """To the audit log, whether or not there is such a perfil: neither the answer nor its time may tell."""
    uow.asentar(
        f"clientes.{que}",
        objeto=f"perfil:{perfil.perfil_id}" if perfil else "",
        detalle={"usuario": peticion.usuario},
        resultado=resultado,
        # Who it is has been proved only when it was let in.
        actor=Quien("perfil", str(perfil.perfil_id), peticion.origen_ip)
        if perfil and resultado == "hecho"
        else Quien("anonimo", "", peticion.origen_ip),
    )


def _emitir(
    uow: Uow, sesion_id: UUID, perfil: PerfilGuardado, renovacion_vence_en: Any, credenciales: Credenciales
) -> c.Sesion:
    renovacion = domain.nueva_renovacion()
    uow.repo.agregar_renovacion(
        huella=domain.huella_de(renovacion), sesion_id=sesion_id, vence_en=renovacion_vence_en
    )
    acceso, expira_en = firmar_acceso(uow, sesion_id, perfil, credenciales)
    return c.Sesion(
        sesion_id=sesion_id,
        perfil_id=perfil.perfil_id,
        nombre=perfil.nombre,
        acceso=acceso,
        renovacion=renovacion,
        expira_en=expira_en,
        cuentas=cuentas_de(uow, perfil.perfil_id),
        nics=uow.repo.nics_de_perfil(perfil.perfil_id),
    )
