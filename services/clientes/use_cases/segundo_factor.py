"""The second factor of a perfil: begin, confirm, ask for a code, remove, and have it removed.

A wrong code is counted before it is looked at, in a transaction of its own (`contar_intento`), and forgotten when the
code was right; so neither a refusal that rolls back nor a hundred tries at once are free. Only who brought the right
password, or a session, is counted: nobody else can close it for its owner.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes import domain
from services.clientes.domain import Credenciales, PerfilGuardado, SegundoFactorGuardado, Totp
from services.clientes.mensajes import perfiles as mensajes
from services.clientes.use_cases.acceso import firmar_acceso
from services.clientes.use_cases.correos import escribir
from services.clientes.use_cases.perfiles import perfil_de
from shared.contracts import clientes as c
from shared.contracts.base import Vacio
from shared.errors import Codigo, DomainError, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def obtener(uow: Uow, peticion: c.ObtenerSegundoFactor) -> c.SegundoFactor:
    """Whether there is one, and how many codes of recovery are left."""
    factor = uow.repo.segundo_factor(peticion.perfil_id)
    if factor is None or factor.confirmado_en is None:
        return c.SegundoFactor(activo=False)
    _, verificado_en = uow.repo.segundo_factor_de_sesion(peticion.sesion_id)
    return c.SegundoFactor(
        activo=True,
        desde=factor.confirmado_en,
        codigos_restantes=uow.repo.codigos_restantes(peticion.perfil_id),
        verificado_en=verificado_en,
    )


def iniciar(
    uow: Uow, peticion: c.IniciarSegundoFactor, credenciales: Credenciales, totp: Totp
) -> c.SegundoFactorIniciado:
    """A secret for the person's application. It asks nobody for a code until it is confirmed with one."""
    perfil = perfil_de(uow, peticion.perfil_id, bloquear=True)
    if not credenciales.coincide(perfil.hash_contrasena, peticion.contrasena):
        raise domain.contrasena_equivocada("contrasena")
    secreto = totp.nuevo()
    if not uow.repo.guardar_segundo_factor(perfil.perfil_id, totp.sellar(secreto), uow.ahora):
        raise DomainError(
            Codigo.CONFLICTO,
            "Su perfil ya tiene segundo factor. Quítelo primero si quiere usar otra aplicación o teléfono.",
        )
    uri = totp.uri(secreto, perfil.correo)
    return c.SegundoFactorIniciado(secreto=secreto, uri=uri, qr=totp.qr(uri))


def confirmar(uow: Uow, peticion: c.ConCodigo, totp: Totp) -> c.CodigosDeRecuperacion:
    """From here on signing in asks for a code. Other sessions, which never showed one, end."""
    perfil = perfil_de(uow, peticion.perfil_id, bloquear=True)
    factor = uow.repo.segundo_factor(peticion.perfil_id, bloquear=True)
    if factor is None or not factor.por_confirmar(uow.ahora):
        raise DomainError(
            Codigo.CONFLICTO,
            "No hay un segundo factor por confirmar, o pasaron más de 15 minutos. Inícielo de nuevo y escanee su código"
            " QR.",
        )
    paso = _paso(factor, peticion.codigo, totp, uow.ahora)
    if paso is None:
        raise domain.codigo_invalido()
    uow.repo.aceptar_paso(perfil.perfil_id, paso, uow.ahora)
    uow.repo.marcar_segundo_factor(peticion.sesion_id, uow.ahora)
    uow.repo.revocar_sesiones(perfil.perfil_id, uow.ahora, salvo=peticion.sesion_id)
    _auditar(uow, perfil.perfil_id, activo=True)
    escribir(
        uow, perfil.correo, mensajes.segundo_factor_puesto(perfil.nombre), f"2fa-puesto:{peticion.clave}"
    )
    return _poner_codigos(uow, perfil.perfil_id)


def regenerar(uow: Uow, peticion: c.ConCodigo, totp: Totp) -> c.CodigosDeRecuperacion:
    """Ten new codes of recovery; the earlier ones stop working."""
    perfil = perfil_de(uow, peticion.perfil_id, bloquear=True)
    aceptar_codigo(uow, perfil.perfil_id, peticion.codigo, totp)
    uow.repo.marcar_segundo_factor(peticion.sesion_id, uow.ahora)
    escribir(uow, perfil.correo, mensajes.codigos_nuevos(perfil.nombre), f"2fa-codigos:{peticion.clave}")
    return _poner_codigos(uow, perfil.perfil_id)


def quitar(uow: Uow, peticion: c.QuitarSegundoFactor, credenciales: Credenciales, totp: Totp) -> Vacio:
    """With the password and a code: a stolen session is not enough."""
    perfil = perfil_de(uow, peticion.perfil_id, bloquear=True)
    if not credenciales.coincide(perfil.hash_contrasena, peticion.contrasena):
        raise domain.contrasena_equivocada("contrasena")
    aceptar_codigo(uow, perfil.perfil_id, peticion.codigo, totp)
    uow.repo.borrar_segundo_factor(perfil.perfil_id)
    _auditar(uow, perfil.perfil_id, activo=False)
    escribir(
        uow, perfil.correo, mensajes.segundo_factor_quitado(perfil.nombre), f"2fa-quitado:{peticion.clave}"
    )
    return Vacio()


def retirar(uow: Uow, peticion: c.RetirarSegundoFactor) -> c.SegundoFactorRetirado:
    """Without a code: the root's staff vouches for the person, whose correo and móvil must both be right.

    Every session of his ends, he is told by mail, and so are the audit logs of the root and of each CM that he
    administers. Raises `no_encontrado`, `no_permitido` for one's own, and `conflicto` when there is none.
    """
    perfil = uow.repo.perfil_por_correo_y_movil(
        domain.normalizar_correo(peticion.correo), domain.normalizar_movil(peticion.movil)
    )
    if perfil is None:
        raise no_encontrado("un perfil con ese correo y ese móvil")
    if perfil.perfil_id == peticion.actor:
        raise domain.retiro_propio()
    factor = uow.repo.segundo_factor(perfil.perfil_id, bloquear=True)
    if factor is None or factor.confirmado_en is None:
        raise DomainError(Codigo.CONFLICTO, "Ese perfil no tiene segundo factor: entra con su contraseña.")
    uow.repo.borrar_segundo_factor(perfil.perfil_id)
    cerradas = uow.repo.revocar_sesiones(perfil.perfil_id, uow.ahora)
    # A change of correo asked for while somebody else was in would give him the perfil without a second factor.
    uow.repo.anular_tokens(proposito=domain.CAMBIO_CORREO, sujeto=str(perfil.perfil_id), ahora=uow.ahora)
    suyas = (x.cuenta_id for x in uow.repo.administra(perfil.perfil_id))
    uow.auditar(
        objeto=f"perfil:{perfil.perfil_id}",
        antes={"segundo_factor": True},
        despues={"segundo_factor": False, "sesiones_cerradas": len(cerradas)},
        cuentas=tuple(dict.fromkeys((peticion.cuenta_id, *suyas))),
    )
    escribir(
        uow, perfil.correo, mensajes.segundo_factor_retirado(perfil.nombre), f"2fa-retirado:{peticion.clave}"
    )
    return c.SegundoFactorRetirado(perfil_id=perfil.perfil_id, retirado_en=uow.ahora, sesiones=cerradas)


def verificar(uow: Uow, peticion: c.ConCodigo, credenciales: Credenciales, totp: Totp) -> c.AccesoVerificado:
    """A new access token for the session in use, for what needs a recent code."""
    perfil = perfil_de(uow, peticion.perfil_id, bloquear=True)
    aceptar_codigo(uow, perfil.perfil_id, peticion.codigo, totp)
    uow.repo.marcar_segundo_factor(peticion.sesion_id, uow.ahora)
    acceso, expira_en = firmar_acceso(uow, peticion.sesion_id, perfil, credenciales)
    return c.AccesoVerificado(acceso=acceso, expira_en=expira_en, verificado_en=uow.ahora)


def _auditar(uow: Uow, perfil_id: UUID, *, activo: bool) -> None:
    uow.auditar(
        objeto=f"perfil:{perfil_id}",
        antes={"segundo_factor": not activo},
        despues={"segundo_factor": activo},
    )


def contar_intento(uow: Uow, perfil_id: UUID, *, por_confirmar: bool = False) -> SegundoFactorGuardado | None:
    """Count a try before its code is looked at; None when the perfil has no second factor. The caller commits.

    `por_confirmar`: of one that waits to be confirmed, and no other.
    Raises `demasiados_intentos` while it is closed. The last try of the allowance is still looked at.
    """
    factor = uow.repo.segundo_factor(perfil_id, bloquear=True)
    if factor is None or (factor.confirmado_en is None) is not por_confirmar:
        return None
    ahora = uow.ahora
    domain.exigir_sin_bloqueo(factor, ahora)
    fallos = factor.fallos + 1
    if fallos < domain.FALLOS_MAXIMOS:
        uow.repo.contar_fallos(perfil_id, fallos, None)
        return factor
    uow.repo.contar_fallos(perfil_id, 0, ahora + domain.BLOQUEO)
    perfil = perfil_de(uow, perfil_id)
    uow.asentar("clientes.bloquear_segundo_factor", objeto=f"perfil:{perfil_id}", resultado="rechazado")
    clave = f"2fa-bloqueo:{perfil_id}:{ahora:%Y%m%d%H}"
    escribir(uow, perfil.correo, mensajes.segundo_factor_bloqueado(perfil.nombre), clave)
    return factor


def exigir_segundo_factor(uow: Uow, perfil: PerfilGuardado, codigo: str | None, totp: Totp | None) -> bool:
    """After the right password, at sign-in: false when this perfil has no second factor, true once its code was right.

    The caller holds the perfil and has counted the try. Raises `segundo_factor_requerido` or `credenciales_invalidas`.
    """
    factor = uow.repo.segundo_factor(perfil.perfil_id)
    if factor is None or factor.confirmado_en is None:
        return False
    if not codigo:
        raise domain.codigo_requerido()
    aceptar_codigo(uow, perfil.perfil_id, codigo, totp)
    return True


def aceptar_codigo(uow: Uow, perfil_id: UUID, codigo: str, totp: Totp | None) -> None:
    """Use up a code of the application or of recovery; raises `credenciales_invalidas` for any other."""
    factor = uow.repo.segundo_factor(perfil_id, bloquear=True)
    if factor is None or factor.confirmado_en is None:
        raise DomainError(Codigo.CONFLICTO, "Su perfil no tiene segundo factor. Actívelo primero.")
    # A code of recovery needs no key.
    paso = _paso(factor, codigo, totp, uow.ahora) if totp else None
    if paso is None and not uow.repo.usar_codigo(perfil_id, domain.huella_de_codigo(codigo), uow.ahora):
        raise domain.codigo_invalido()
    uow.repo.aceptar_paso(perfil_id, paso or factor.ultimo_paso, uow.ahora)


def _paso(factor: SegundoFactorGuardado, codigo: str, totp: Totp, ahora: datetime) -> int | None:
    digitos = domain.es_de_aplicacion(codigo)
    if digitos is None:
        return None
    return totp.paso_de(totp.abrir(factor.secreto), digitos, domain.pasos_vigentes(ahora, factor.ultimo_paso))


def _poner_codigos(uow: Uow, perfil_id: UUID) -> c.CodigosDeRecuperacion:
    codigos = domain.nuevos_codigos()
    uow.repo.poner_codigos(perfil_id, [domain.huella_de_codigo(x) for x in codigos])
    return c.CodigosDeRecuperacion(codigos=codigos)
