"""Registering, confirming a correo, recovering and changing a password, one's own data.

Nothing of this tells a stranger whether a correo or a móvil is somebody's: the answer is the same, after the same
work, and what differs is told by mail to its owner. A perfil is a claim until its correo is confirmed, and several may
claim one correo. The password of a claim counts only when its own link is opened and nobody else claims the correo: any
other link makes who opens it choose one, so that a stranger's password is never what the owner of a mailbox confirms.
A móvil that another perfil has is found out only when the link is opened, by somebody who proved a mailbox; its owner
was told at the registration.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import Credenciales, PerfilGuardado
from services.clientes.mensajes import perfiles as mensajes
from services.clientes.use_cases.correos import escribir
from services.clientes.use_cases.perfiles import perfil_de, ver_perfil
from services.clientes.use_cases.privacidad import anotar_consentimiento
from services.clientes.use_cases.usuarios import aceptar_invitaciones
from shared.contracts import clientes as c
from shared.contracts.base import Vacio
from shared.errors import Codigo, DomainError, campo_invalido
from shared.persistence.uow import UnitOfWork, quien

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio
    from services.clientes.repository.registro import TokenVisto

    Uow = UnitOfWork[Repositorio]

CONFIRMACION, RECUPERACION = "confirmacion", "recuperacion"
_UNA_HORA = timedelta(hours=1)
_LOTE = 500
_PEDIR_OTRO = "Pida otro enlace en /confirmar, o regístrese de nuevo."


def registrar(uow: Uow, peticion: c.RegistrarPerfil, credenciales: Credenciales) -> Vacio:
    """A claim of a correo, and the mail that confirms it; or a notice to who has it already."""
    ahora = uow.ahora
    perfil = PerfilGuardado(
        perfil_id=uuid4(),
        nombre=domain.texto_requerido(peticion.nombre, "nombre"),
        correo=domain.normalizar_correo(peticion.correo),
        movil=domain.normalizar_movil(peticion.movil),
        hash_contrasena=credenciales.resumir(peticion.contrasena),
        creado_en=ahora,
        aviso_version=peticion.aviso_version,
    )
    domain.exigir_contrasena_fuerte(peticion.contrasena, correo=perfil.correo, nombre=perfil.nombre)
    if (dueno := uow.repo.perfil_por_correo(perfil.correo)) is not None:
        _avisar(uow, dueno, mensajes.ya_tiene_perfil(dueno.nombre), "registro")
        return Vacio()
    if not _cabe_registro(uow, perfil.correo):
        # Not in silence: a link gets its owner in, however many strangers claimed its correo.
        _ofrecer_contrasena(uow, perfil.correo)
        return Vacio()
    uow.repo.agregar_perfil(perfil)
    if (otro := uow.repo.perfil_por_movil(perfil.movil)) is not None:
        _avisar(uow, otro, mensajes.movil_en_uso(otro.nombre), "movil")
    _enviar_confirmacion(uow, perfil)
    return Vacio()


def reenviar(uow: Uow, peticion: c.ReenviarConfirmacion) -> Vacio:
    """A link with which who opens it chooses the password of the latest claim; its earlier links stop working.

    Who asks need not be who registered, and so the password that was typed then does not count.
    """
    correo = domain.normalizar_correo(peticion.correo)
    if (dueno := uow.repo.perfil_por_correo(correo)) is not None:
        _avisar(uow, dueno, mensajes.ya_tiene_perfil(dueno.nombre), "registro")
        return Vacio()
    _ofrecer_contrasena(uow, correo)
    return Vacio()


def confirmar(uow: Uow, peticion: c.ConfirmarCorreo) -> c.CorreoConfirmado:
    """What the link of a mail does, of a registration or of a new correo. Opening it twice is no error."""
    visto = uow.repo.mirar_token(peticion.token, [CONFIRMACION, domain.CAMBIO_CORREO])
    if visto is None:
        raise domain.enlace_vencido(_PEDIR_OTRO)
    perfil = uow.repo.perfil(UUID(visto.sujeto), bloquear=True)
    if perfil is None:
        raise domain.enlace_vencido(_PEDIR_OTRO)
    if visto.proposito == domain.CAMBIO_CORREO:
        return _confirmar_cambio(uow, perfil, visto, peticion.token)
    hecho = c.CorreoConfirmado(correo=str(visto.datos["correo"]))
    if perfil.confirmado_en is not None:
        return hecho
    if uow.repo.ver_token(peticion.token, proposito=CONFIRMACION, ahora=uow.ahora) is None:
        raise domain.enlace_vencido(_PEDIR_OTRO)
    if uow.repo.tiene_rivales(perfil):
        _ofrecer_contrasena(uow, perfil.correo, perfil)
        # The refusal that follows rolls back; the mail has to stay.
        uow.commit()
        raise DomainError(
            Codigo.CONFLICTO,
            "Hay más de un registro con este correo. Le enviamos otro enlace: con él elija su contraseña y quedará"
            " confirmado. Si pidió varios, use el más reciente.",
        )
    uow.repo.usar_token(peticion.token, proposito=CONFIRMACION, ahora=uow.ahora)
    _poner(uow, perfil, {"confirmado_en": uow.ahora})
    anotar_consentimiento(uow, perfil)
    uow.repo.borrar_rivales(perfil)
    aceptar_invitaciones(uow, perfil)
    return hecho


def recuperar(uow: Uow, peticion: c.RecuperarContrasena) -> Vacio:
    """A link by mail, if the usuario is somebody's; asking again voids the earlier one."""
    usuario = domain.normalizar_usuario(peticion.usuario)
    hallado = uow.repo.perfil_por_usuario(usuario) if usuario else None
    perfil = uow.repo.perfil(hallado.perfil_id, bloquear=True) if hallado else None
    if perfil is None:
        # A claim is found by its correo alone: by its móvil a mail would come only when the móvil is nobody's.
        _ofrecer_contrasena(uow, usuario or "")
    elif _puede_recibir(uow, RECUPERACION, perfil):
        token = _token_de_contrasena(uow, perfil, domain.VIDA_RECUPERACION)
        escribir(
            uow, perfil.correo, mensajes.recuperar_contrasena(perfil.nombre, token), f"recuperar:{uuid4()}"
        )
    return Vacio()


def restablecer(uow: Uow, peticion: c.RestablecerContrasenaDePerfil, credenciales: Credenciales) -> Vacio:
    """A new password with the link of a mail. It proves the correo too, and ends every session."""
    otro = "Pida otro en «Recuperar contraseña»."
    visto = uow.repo.ver_token(peticion.token, proposito=RECUPERACION, ahora=uow.ahora)
    perfil = uow.repo.perfil(UUID(visto[0]), bloquear=True) if visto else None
    if perfil is None:
        raise domain.enlace_vencido(otro)
    domain.exigir_contrasena_fuerte(peticion.nueva, correo=perfil.correo, nombre=perfil.nombre, campo="nueva")
    if uow.repo.usar_token(peticion.token, proposito=RECUPERACION, ahora=uow.ahora) is None:
        raise domain.enlace_vencido(otro)
    cambios: dict[str, Any] = {"hash_contrasena": credenciales.resumir(peticion.nueva)}
    if perfil.confirmado_en is None:
        cambios["confirmado_en"] = uow.ahora
    _poner(uow, perfil, cambios)
    anotar_consentimiento(uow, perfil)
    uow.repo.borrar_rivales(perfil)
    if perfil.confirmado_en is None:
        aceptar_invitaciones(uow, perfil)
    _contrasena_cambiada(uow, perfil, None, f"restablecer:{peticion.clave}")
    return Vacio()


def cambiar_contrasena(uow: Uow, peticion: c.CambiarContrasena, credenciales: Credenciales) -> Vacio:
    """A new password from a session, which goes on; every other one ends."""
    perfil = perfil_de(uow, peticion.perfil_id, bloquear=True)
    if not credenciales.coincide(perfil.hash_contrasena, peticion.actual):
        raise domain.contrasena_equivocada("actual")
    if peticion.nueva == peticion.actual:
        raise campo_invalido("nueva", "La contraseña nueva es igual a la actual. Elija otra.")
    domain.exigir_contrasena_fuerte(peticion.nueva, correo=perfil.correo, nombre=perfil.nombre, campo="nueva")
    _poner(uow, perfil, {"hash_contrasena": credenciales.resumir(peticion.nueva)})
    _contrasena_cambiada(uow, perfil, peticion.sesion_id, f"contrasena:{peticion.clave}")
    return Vacio()


def editar(uow: Uow, peticion: c.EditarPerfil, credenciales: Credenciales) -> c.Perfil:
    """Name and móvil at once; a correo once the new one is confirmed, and only with the password."""
    perfil = perfil_de(uow, peticion.perfil_id, bloquear=True)
    cambios: dict[str, Any] = {}
    if peticion.nombre is not None:
        cambios["nombre"] = domain.texto_requerido(peticion.nombre, "nombre")
    if peticion.movil is not None and (movil := domain.normalizar_movil(peticion.movil)) != perfil.movil:
        cambios["movil"] = movil
        escribir(uow, perfil.correo, mensajes.movil_cambiado(perfil.nombre, movil), f"movil:{peticion.clave}")
    if peticion.correo is not None:
        _pedir_correo(uow, perfil, peticion, credenciales)
    uow.auditar(
        objeto=f"perfil:{perfil.perfil_id}",
        antes={campo: getattr(perfil, campo) for campo in cambios},
        despues=cambios,
    )
    if cambios:
        _poner(uow, perfil, cambios)
        perfil = replace(perfil, **cambios)
    return ver_perfil(uow, perfil)


def limpiar(uow: Uow) -> bool:
    """Remove claims that nobody confirmed, tokens and invitations that ended; says whether there may be more."""
    perfiles = uow.repo.borrar_sin_confirmar(uow.ahora - domain.VIDA_SIN_CONFIRMAR, _LOTE)
    tokens = uow.repo.borrar_tokens(uow.ahora - domain.VIDA_DE_TOKENS, _LOTE)
    invitaciones = uow.repo.caducar_invitaciones(uow.ahora, _LOTE)
    return _LOTE in (perfiles, tokens, invitaciones)


def _pedir_correo(
    uow: Uow, perfil: PerfilGuardado, peticion: c.EditarPerfil, credenciales: Credenciales
) -> None:
    correo = domain.normalizar_correo(peticion.correo or "")
    sujeto = str(perfil.perfil_id)
    if correo == perfil.correo:
        uow.repo.anular_tokens(proposito=domain.CAMBIO_CORREO, sujeto=sujeto, ahora=uow.ahora)
        return
    if peticion.contrasena is None:
        raise campo_invalido("contrasena", "Para cambiar su correo escriba también su contraseña.")
    if not credenciales.coincide(perfil.hash_contrasena, peticion.contrasena):
        raise domain.contrasena_equivocada("contrasena")
    if not _puede_recibir(uow, domain.CAMBIO_CORREO, perfil):
        raise DomainError(
            Codigo.DEMASIADOS_INTENTOS,
            "Pidió cambiar su correo demasiadas veces. Espere una hora e intente de nuevo.",
            datos={"reintentar_en": 3600},
        )
    token = domain.nueva_renovacion()
    # Kept also when the correo is somebody else's, and never sent then: both look the same from here.
    uow.repo.agregar_token(
        token,
        proposito=domain.CAMBIO_CORREO,
        sujeto=sujeto,
        vence_en=uow.ahora + domain.VIDA_CONFIRMACION,
        ahora=uow.ahora,
        datos={"correo": correo},
    )
    if (dueno := uow.repo.perfil_por_correo(correo)) is not None:
        _avisar(uow, dueno, mensajes.correo_en_uso(dueno.nombre), "correo")
    else:
        mensaje = mensajes.confirmar_correo_nuevo(perfil.nombre, token)
        escribir(uow, correo, mensaje, f"correo-nuevo:{peticion.clave}", de=perfil.perfil_id)
    escribir(
        uow, perfil.correo, mensajes.correo_por_cambiar(perfil.nombre), f"correo-pedido:{peticion.clave}"
    )


def _confirmar_cambio(uow: Uow, perfil: PerfilGuardado, visto: TokenVisto, token: str) -> c.CorreoConfirmado:
    correo = str(visto.datos["correo"])
    if perfil.correo == correo:
        return c.CorreoConfirmado(correo=correo)
    if uow.repo.usar_token(token, proposito=domain.CAMBIO_CORREO, ahora=uow.ahora) is None:
        raise domain.enlace_vencido("Pida de nuevo el cambio en «Mi perfil».")
    _poner(uow, perfil, {"correo": correo})
    uow.repo.borrar_rivales(replace(perfil, correo=correo))
    # A link in the old mailbox must not change the password any more.
    uow.repo.anular_tokens(proposito=RECUPERACION, sujeto=str(perfil.perfil_id), ahora=uow.ahora)
    clave = f"correo-cambiado:{perfil.perfil_id}:{uuid4()}"
    escribir(uow, perfil.correo, mensajes.correo_cambiado(perfil.nombre), clave)
    # Its earlier correo says no more whose mails these are.
    uow.repo.adoptar_correos(perfil.perfil_id, perfil.correo)
    return c.CorreoConfirmado(correo=correo)


def _contrasena_cambiada(uow: Uow, perfil: PerfilGuardado, salvo: UUID | None, clave: str) -> None:
    uow.repo.revocar_sesiones(perfil.perfil_id, uow.ahora, salvo=salvo)
    # Who knew the old password may have asked for another correo with it: that link must not outlive the password.
    for proposito in (RECUPERACION, domain.CAMBIO_CORREO):
        uow.repo.anular_tokens(proposito=proposito, sujeto=str(perfil.perfil_id), ahora=uow.ahora)
    escribir(uow, perfil.correo, mensajes.contrasena_cambiada(perfil.nombre), clave)


def _enviar_confirmacion(uow: Uow, perfil: PerfilGuardado) -> None:
    token = domain.nueva_renovacion()
    uow.repo.agregar_token(
        token,
        proposito=CONFIRMACION,
        sujeto=str(perfil.perfil_id),
        vence_en=uow.ahora + domain.VIDA_CONFIRMACION,
        ahora=uow.ahora,
        datos={"correo": perfil.correo},
    )
    mensaje = mensajes.confirmar_registro(perfil.nombre, perfil.movil, token)
    escribir(uow, perfil.correo, mensaje, f"confirmar:{uuid4()}")


def _cabe_registro(uow: Uow, correo: str) -> bool:
    """Count a registration; false when this address, or all together, made too many with this correo."""
    cubos = domain.cubos_de_registro(correo, quien.get().origen)
    return all(uow.repo.contar_intento([cubo], uow.ahora) is None for cubo in cubos)


def _ofrecer_contrasena(uow: Uow, correo: str, perfil: PerfilGuardado | None = None) -> None:
    """Mail a link that chooses the password of a claim (of the latest by default), if there is one and a mail fits."""
    perfil = perfil or uow.repo.ultimo_sin_confirmar(correo)
    if perfil is None or uow.repo.contar_intento([domain.cubo_de_enlace(correo)], uow.ahora) is not None:
        return
    uow.repo.anular_tokens(proposito=CONFIRMACION, sujeto=str(perfil.perfil_id), ahora=uow.ahora)
    token = _token_de_contrasena(uow, perfil, domain.VIDA_CONFIRMACION)
    mensaje = mensajes.elegir_contrasena(perfil.nombre, perfil.movil, token)
    escribir(uow, correo, mensaje, f"elegir:{uuid4()}")


def _token_de_contrasena(uow: Uow, perfil: PerfilGuardado, vida: timedelta) -> str:
    token = domain.nueva_renovacion()
    uow.repo.agregar_token(
        token,
        proposito=RECUPERACION,
        sujeto=str(perfil.perfil_id),
        vence_en=uow.ahora + vida,
        ahora=uow.ahora,
    )
    return token


def _puede_recibir(uow: Uow, proposito: str, perfil: PerfilGuardado) -> bool:
    """Whether one more mail of this purpose fits in the hour; so nobody is flooded by who knows its correo."""
    desde = uow.ahora - _UNA_HORA
    # Links of its time as a claim were counted by its correo.
    if perfil.confirmado_en is not None:
        desde = max(desde, perfil.confirmado_en)
    pedidos = uow.repo.tokens_recientes(proposito, str(perfil.perfil_id), desde)
    return pedidos < domain.CORREOS_POR_HORA


def _avisar(uow: Uow, dueno: PerfilGuardado, mensaje: domain.Mensaje, que: str) -> None:
    """A notice to an owner, once an hour however often it happens."""
    escribir(uow, dueno.correo, mensaje, f"aviso-{que}:{dueno.perfil_id}:{uow.ahora:%Y%m%d%H}")


def _poner(uow: Uow, perfil: PerfilGuardado, cambios: dict[str, Any]) -> None:
    if not uow.repo.cambiar_perfil(perfil.perfil_id, cambios):
        raise DomainError(
            Codigo.CONFLICTO,
            "Ese correo o ese móvil no se puede usar en este perfil. Si ya tiene otro, inicie sesión con él; si no,"
            " repita con otros datos.",
        )
