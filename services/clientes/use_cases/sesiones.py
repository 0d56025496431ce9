"""Signing in, renewing, signing out; one's sessions, and whether one still holds."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import (
    Credenciales,
    PerfilGuardado,
    SesionGuardada,
    Totp,
)
from services.clientes.use_cases.acceso import firmar_acceso
from services.clientes.use_cases.limites import contar, recordar_lugar
from services.clientes.use_cases.perfiles import cuentas_de, perfil_de
from services.clientes.use_cases.segundo_factor import contar_intento, exigir_segundo_factor
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.base import Vacio
from shared.errors import DomainError, no_encontrado
from shared.persistence.uow import Quien, UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: Rows that one step of the timer deletes.
_LOTE = 500


def iniciar_sesion(
    uow: Uow, peticion: c.IniciarSesion, credenciales: Credenciales, totp: Totp | None = None
) -> c.Sesion:
    """Sign in. An unknown usuario costs the same work and gets the same answer as a wrong password.

    Only after the right password it is told that a code lacks.
    Raises `demasiados_intentos` without looking at the password (`domain/intentos.py`).
    """
    usuario = domain.normalizar_usuario(peticion.usuario)
    perfil = uow.repo.perfil_por_usuario(usuario) if usuario else None
    contados = contar(uow, peticion, perfil, credenciales)
    # Keeps the count, whatever becomes of this process; and no connection waits for argon2.
    uow.commit()
    if not _coincide(uow, perfil, peticion, credenciales, contados) or perfil is None:
        _asentar(uow, "iniciar_sesion", perfil, peticion, "rechazado")
        # The refusal that follows rolls back; that someone tried has to stay.
        uow.commit()
        raise domain.credenciales_invalidas()
    # Guessing ended here; wrong codes of the second factor are counted by the perfil itself.
    uow.repo.devolver_intento(contados)
    uow.commit()
    contado = bool(peticion.codigo) and contar_intento(uow, perfil.perfil_id) is not None
    uow.commit()
    perfil = _el_mismo(uow, perfil, peticion)
    con_factor = exigir_segundo_factor(uow, perfil, peticion.codigo if contado else None, totp)
    sesion_id, ahora = uuid4(), uow.ahora
    vence_en = ahora + domain.VIDA_SESION
    uow.repo.agregar_sesion(
        sesion_id=sesion_id,
        perfil_id=perfil.perfil_id,
        origen_ip=peticion.origen_ip,
        creada_en=ahora,
        vence_en=vence_en,
        agente=domain.agente_de(peticion.agente),
    )
    if con_factor:
        uow.repo.marcar_segundo_factor(sesion_id, ahora)
    _asentar(uow, "iniciar_sesion", perfil, peticion)
    dispositivo = recordar_lugar(uow, peticion, perfil, credenciales)
    sesion = _emitir(uow, sesion_id, perfil, min(ahora + domain.VIDA_RENOVACION, vence_en), credenciales)
    return replace(sesion, dispositivo=dispositivo)


def renovar_sesion(uow: Uow, peticion: c.RenovarSesion, credenciales: Credenciales) -> c.Sesion:
    """New tokens for a renewal token, once; `domain.reusada` says when a repeat means a copy: the session ends."""
    ahora = uow.ahora
    renovacion = uow.repo.tomar_renovacion(domain.huella_de(peticion.renovacion))
    if renovacion is None or renovacion.revocada_en is not None or ahora >= renovacion.vence_en:
        raise domain.sesion_terminada()
    if domain.reusada(renovacion, ahora):
        uow.repo.revocar_sesion(renovacion.sesion_id, ahora, perfil_id=renovacion.perfil_id)
        uow.asentar("clientes.renovar_sesion", objeto=f"perfil:{renovacion.perfil_id}", resultado="rechazado")
        # The refusal that follows rolls back; the revocation has to stay.
        uow.commit()
        raise domain.sesion_terminada()
    perfil = perfil_de(uow, renovacion.perfil_id)
    uow.repo.usar_renovacion(renovacion.huella, ahora)
    uow.repo.anotar_uso_de_sesion(renovacion.sesion_id, ahora, peticion.origen_ip)
    vence_en = min(ahora + domain.VIDA_RENOVACION, renovacion.sesion_vence_en)
    return _emitir(uow, renovacion.sesion_id, perfil, vence_en, credenciales, anterior=renovacion.huella)


def cerrar_sesion(uow: Uow, peticion: c.CerrarSesion) -> Vacio:
    """End a session; its access token dies as soon as each gateway asks again (`verificar_sesion`)."""
    uow.repo.revocar_sesion(peticion.sesion_id, uow.ahora, perfil_id=peticion.perfil_id)
    uow.asentar("clientes.cerrar_sesion", objeto=f"perfil:{peticion.perfil_id}")
    return Vacio()


def verificar_sesion(uow: Uow, peticion: c.VerificarSesion) -> c.SesionVigente:
    """Whether a session holds, and what its perfil may do now. Its use is noted, at most once a minute."""
    ahora = uow.ahora
    vigente = uow.repo.sesion_vigente(peticion.sesion_id, peticion.perfil_id, ahora)
    if vigente is None:
        return c.SesionVigente(vigente=False)
    if ahora - vigente.usada_en >= domain.CADA_USO:
        uow.repo.anotar_uso_de_sesion(peticion.sesion_id, ahora, peticion.origen_ip)
    return c.SesionVigente(
        vigente=True,
        cuentas=[c.CuentaDePerfil(**asdict(x)) for x in vigente.cuentas],
        nics=list(vigente.nics),
    )


def listar_sesiones(uow: Uow, peticion: c.ListarSesiones) -> c.PaginaSesiones:
    """Sessions of a perfil that can still be used, the newest first."""
    limite = pagination.limite_valido(peticion.limite)
    filas = uow.repo.sesiones_abiertas(
        peticion.perfil_id, uow.ahora, desde=pagination.posicion(peticion.cursor), limite=limite + 1
    )
    pagina, siguiente = filas[:limite], None
    if len(filas) > limite:
        siguiente = pagination.Posicion(pagina[-1].creada_en, pagina[-1].sesion_id).cursor()
    return c.PaginaSesiones(datos=[_ver(x) for x in pagina], siguiente=siguiente)


def revocar_sesion(uow: Uow, peticion: c.RevocarSesion) -> Vacio:
    """End one session of a perfil; twice is no error. Raises `no_encontrado` for another's."""
    if not uow.repo.es_sesion_de(peticion.sesion_id, peticion.perfil_id):
        raise no_encontrado("esa sesión")
    if uow.repo.revocar_sesion(peticion.sesion_id, uow.ahora, perfil_id=peticion.perfil_id):
        _asentar_revocadas(uow, peticion.perfil_id, [peticion.sesion_id])
    return Vacio()


def revocar_otras_sesiones(uow: Uow, peticion: c.RevocarOtrasSesiones) -> c.SesionesRevocadas:
    """End every session of a perfil but the one that asks."""
    revocadas = uow.repo.revocar_sesiones(peticion.perfil_id, uow.ahora, salvo=peticion.sesion_id)
    if revocadas:
        _asentar_revocadas(uow, peticion.perfil_id, revocadas)
    return c.SesionesRevocadas(sesiones=revocadas)


def limpiar(uow: Uow) -> bool:
    """Delete a lot of what is over: sessions, renewals, empty buckets, places long not seen. Whether there may be more."""
    return (
        max(uow.repo.purgar_sesiones(uow.ahora, _LOTE), uow.repo.purgar_intentos(uow.ahora, _LOTE)) >= _LOTE
    )


def _coincide(
    uow: Uow,
    perfil: PerfilGuardado | None,
    peticion: c.IniciarSesion,
    credenciales: Credenciales,
    contados: list[bytes],
) -> bool:
    """Whether the password is right. A try that was not looked at, for want of a turn, counts against nobody."""
    try:
        return credenciales.coincide(perfil.hash_contrasena if perfil else None, peticion.contrasena)
    except DomainError:
        uow.repo.devolver_intento(contados)
        uow.commit()
        raise


def _el_mismo(uow: Uow, visto: PerfilGuardado, peticion: c.IniciarSesion) -> PerfilGuardado:
    """The perfil whose password was compared, held until the session is there; refused when it changed meanwhile.

    Whoever changes a password, puts a second factor or erases a perfil holds it too and ends its sessions, so that a
    sign-in that began before leaves none behind.
    """
    perfil = uow.repo.perfil(visto.perfil_id, bloquear=True)
    if perfil is None or perfil.hash_contrasena != visto.hash_contrasena or perfil.suprimido_en is not None:
        _asentar(uow, "iniciar_sesion", visto, peticion, "rechazado")
        uow.commit()
        raise domain.credenciales_invalidas()
    return perfil


def _ver(sesion: SesionGuardada) -> c.SesionAbierta:
    return c.SesionAbierta(
        sesion_id=sesion.sesion_id,
        dispositivo=domain.dispositivo_de(sesion.agente),
        direccion=sesion.origen_ip,
        creada_en=sesion.creada_en,
        usada_en=sesion.usada_en,
        usada_desde=sesion.usada_ip,
        vence_en=sesion.vence_en,
    )


def _asentar_revocadas(uow: Uow, perfil_id: UUID, sesiones: list[UUID]) -> None:
    uow.asentar(
        "clientes.revocar_sesiones",
        objeto=f"perfil:{perfil_id}",
        detalle={"sesiones": [str(x) for x in sesiones]},
    )


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
    uow: Uow,
    sesion_id: UUID,
    perfil: PerfilGuardado,
    renovacion_vence_en: datetime,
    credenciales: Credenciales,
    *,
    anterior: bytes | None = None,
) -> c.Sesion:
    renovacion = domain.nueva_renovacion()
    uow.repo.agregar_renovacion(
        huella=domain.huella_de(renovacion),
        sesion_id=sesion_id,
        vence_en=renovacion_vence_en,
        anterior=anterior,
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
