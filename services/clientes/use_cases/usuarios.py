"""Who administers a CM: admitted, invited, given another role, removed; and the titular, who hands it over.

What the caller may do is read from the table behind the CM's lock, since a token may be older than the change that
took it away. Locks: perfiles in order of id, then the CM, whose row is the turn of all that changes its usuarios.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import Credenciales, CuentaGuardada, Mensaje, PerfilGuardado, Rol
from services.clientes.domain import usuarios as reglas
from services.clientes.domain.usuarios import InvitacionGuardada, UsuarioGuardado
from services.clientes.mensajes import usuarios as mensajes
from services.clientes.use_cases.correos import escribir
from services.clientes.use_cases.perfiles import perfil_de
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.base import Vacio
from shared.errors import Codigo, DomainError, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from datetime import timedelta

    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

_PEDIR_OTRA = "Pida a quien lo invitó que lo invite de nuevo."


def listar_usuarios(uow: Uow, p: c.ListarUsuarios) -> c.PaginaUsuarios:
    """Usuarios and open invitations, the oldest first."""
    limite = pagination.limite_valido(p.limite)
    filas = uow.repo.usuarios(p.cuenta_id, uow.ahora, desde=pagination.posicion(p.cursor), limite=limite + 1)
    pagina, siguiente = filas[:limite], None
    if len(filas) > limite:
        siguiente = pagination.Posicion(pagina[-1].creado_en, pagina[-1].id).cursor()
    return c.PaginaUsuarios(datos=[_ver(x) for x in pagina], siguiente=siguiente)


def buscar_perfil(uow: Uow, p: c.BuscarPerfilDeUsuario) -> c.PerfilDeUsuario:
    """Whose name it is, before it is admitted. Says nothing of a correo or a móvil alone."""
    reglas.exigir_que_administre(_rol_de(uow, p.cuenta_id, p.actor))
    perfil = uow.repo.perfil_por_correo_y_movil(
        domain.normalizar_correo(p.correo), domain.normalizar_movil(p.movil)
    )
    if perfil is None:
        return c.PerfilDeUsuario(hallado=False)
    return c.PerfilDeUsuario(
        hallado=True, nombre=perfil.nombre, es_usuario=uow.repo.es_usuario(p.cuenta_id, perfil.perfil_id)
    )


def admitir_usuario(uow: Uow, p: c.AdmitirUsuario) -> c.Usuario:
    """The confirmed perfil with that correo and móvil becomes usuario at once; without one, its correo is invited.

    Inviting again resends it with another link. Raises `no_permitido` for a role above the caller's, `conflicto` for
    who is usuario already, is perfil principal of a cliente, or administers the other side of a relation.
    """
    correo = domain.normalizar_correo(p.correo)
    perfil = uow.repo.perfil_por_correo_y_movil(correo, domain.normalizar_movil(p.movil))
    cuenta = _turno(uow, p.cuenta_id)
    domain.exigir_activa(cuenta)
    rol = reglas.exigir_rol_dable(reglas.exigir_que_administre(_rol_de(uow, p.cuenta_id, p.actor)), p.rol)
    if uow.repo.hay_usuario_con_correo(p.cuenta_id, correo):
        raise reglas.ya_es_usuario()
    if perfil is None:
        return _invitar(uow, cuenta, p.actor, correo, rol)
    if (impedimento := _impedimento(uow, cuenta, perfil)) is not None:
        raise impedimento
    uow.repo.borrar_invitacion_a(p.cuenta_id, correo)
    return _agregar(uow, cuenta, perfil, rol, p.actor)


def cambiar_rol(uow: Uow, p: c.CambiarRolDeUsuario) -> c.Usuario:
    """Another role for a usuario. Raises `no_permitido` for the titular and for a role above the caller's."""
    cuenta = _turno(uow, p.cuenta_id)
    domain.exigir_activa(cuenta)
    rol = reglas.exigir_rol_dable(reglas.exigir_que_administre(_rol_de(uow, p.cuenta_id, p.actor)), p.rol)
    usuario = _usuario(uow, p.cuenta_id, p.perfil_id)
    reglas.exigir_que_no_sea_titular(usuario.rol)
    if usuario.rol == rol:
        return _ver(usuario)
    uow.repo.poner_rol(p.cuenta_id, p.perfil_id, rol)
    if rol is not Rol.ADMINISTRADOR:
        uow.repo.borrar_invitaciones_de(p.cuenta_id, p.perfil_id)
    mensaje = mensajes.rol_cambiado(cuenta.nombre, usuario.rol, rol)
    escribir(uow, usuario.correo, mensaje, _clave(cuenta, f"usuario-rol:{p.clave}"))
    de_titular = mensajes.rol_de_usuario_cambiado(cuenta.nombre, str(usuario.nombre), usuario.rol, rol)
    _avisar_al_titular(uow, cuenta, p.actor, p.perfil_id, de_titular, f"usuario-rol-titular:{p.clave}")
    uow.auditar(objeto=f"perfil:{p.perfil_id}", antes={"rol": usuario.rol}, despues={"rol": str(rol)})
    return _ver(_usuario(uow, p.cuenta_id, p.perfil_id))


def eliminar_usuario(uow: Uow, p: c.EliminarUsuario) -> Vacio:
    """It loses its access at once, and what it invited is void. Also in a CM that only reads: access can always be taken.

    Raises `confirmacion_requerida` to remove oneself without `confirmar`, `no_permitido` for the titular.
    """
    cuenta = _turno(uow, p.cuenta_id)
    reglas.exigir_que_administre(_rol_de(uow, p.cuenta_id, p.actor))
    usuario = _usuario(uow, p.cuenta_id, p.perfil_id)
    reglas.exigir_que_no_sea_titular(usuario.rol)
    if p.perfil_id == p.actor and not p.confirmar:
        raise DomainError(
            Codigo.CONFIRMACION_REQUERIDA,
            "Va a eliminarse a usted mismo y perderá el acceso a la cuenta. Para continuar, envíe confirmar: true.",
            errores={"confirmar": ["Envíe true para confirmar."]},
        )
    uow.repo.borrar_usuario(p.cuenta_id, p.perfil_id)
    uow.repo.borrar_invitaciones_de(p.cuenta_id, p.perfil_id)
    escribir(
        uow, usuario.correo, mensajes.retirado(cuenta.nombre), _clave(cuenta, f"usuario-retirado:{p.clave}")
    )
    de_titular = mensajes.usuario_retirado(cuenta.nombre, str(usuario.nombre))
    _avisar_al_titular(uow, cuenta, p.actor, p.perfil_id, de_titular, f"usuario-retirado-titular:{p.clave}")
    uow.auditar(objeto=f"perfil:{p.perfil_id}", antes={"rol": usuario.rol}, despues={"rol": None})
    return Vacio()


def cancelar_invitacion(uow: Uow, p: c.CancelarInvitacion) -> Vacio:
    """Its link stops working. Raises `no_encontrado` once it was accepted, cancelled or had passed."""
    _turno(uow, p.cuenta_id)
    reglas.exigir_que_administre(_rol_de(uow, p.cuenta_id, p.actor))
    invitacion = uow.repo.tomar_invitacion(p.cuenta_id, p.invitacion_id)
    if invitacion is None or invitacion.vence_en <= uow.ahora:
        raise no_encontrado("esa invitación")
    uow.auditar(objeto=f"invitacion:{p.invitacion_id}", antes={"rol": invitacion.rol}, despues={"rol": None})
    return Vacio()


def ceder_titularidad(uow: Uow, p: c.CederTitularidad, credenciales: Credenciales) -> c.Usuario:
    """A usuario becomes the titular and who was it administrador, both told by mail. Only with the titular's password.

    Raises `credenciales_invalidas`, `no_permitido` for who is not the titular (any more), `no_encontrado` for a
    perfil that is no usuario.
    """
    if p.sucesor_id == p.perfil_id:
        raise DomainError(Codigo.CONFLICTO, "Usted ya es el titular. Indique a otro usuario de la cuenta.")
    for perfil_id in sorted((p.perfil_id, p.sucesor_id)):
        uow.repo.perfil(perfil_id, bloquear=True)
    yo = perfil_de(uow, p.perfil_id)
    cuenta = _turno(uow, p.cuenta_id)
    domain.exigir_activa(cuenta)
    reglas.exigir_titular(_rol_de(uow, p.cuenta_id, p.perfil_id))
    sucesor = _usuario(uow, p.cuenta_id, p.sucesor_id)
    if not credenciales.coincide(yo.hash_contrasena, p.contrasena):
        raise domain.contrasena_equivocada("contrasena")
    # Two statements: the index that allows one titular looks at each row as it changes.
    uow.repo.poner_rol(p.cuenta_id, p.perfil_id, Rol.ADMINISTRADOR)
    uow.repo.poner_rol(p.cuenta_id, p.sucesor_id, Rol.TITULAR)
    nuevo = mensajes.titular_nuevo(cuenta.nombre, yo.nombre)
    escribir(uow, sucesor.correo, nuevo, _clave(cuenta, f"titular:{p.clave}"), sobre=p.perfil_id)
    cedida = mensajes.titularidad_cedida(cuenta.nombre, str(sucesor.nombre))
    escribir(uow, yo.correo, cedida, _clave(cuenta, f"titular-anterior:{p.clave}"), sobre=p.sucesor_id)
    uow.auditar(
        objeto=f"perfil:{p.sucesor_id}",
        antes={"rol": sucesor.rol, "titular": str(p.perfil_id)},
        despues={"rol": str(Rol.TITULAR), "titular": str(p.sucesor_id)},
    )
    return _ver(_usuario(uow, p.cuenta_id, p.sucesor_id))


def aceptar_invitacion(uow: Uow, p: c.AceptarInvitacion) -> c.InvitacionAceptada:
    """With the link of the mail, which proves the correo: its confirmed perfil is admitted, whatever its móvil.

    Raises `enlace_vencido`, and `conflicto` while nobody has registered that correo.
    """
    visto = uow.repo.ver_token(p.token, proposito=reglas.PROPOSITO_INVITACION, ahora=uow.ahora)
    invitacion = uow.repo.invitacion(UUID(visto[1]["invitacion_id"]), uow.ahora) if visto else None
    if invitacion is None:
        raise domain.enlace_vencido(_PEDIR_OTRA)
    perfil = uow.repo.perfil_confirmado(invitacion.correo)
    if perfil is None:
        raise DomainError(
            Codigo.CONFLICTO,
            f"Aún no tiene un perfil. Regístrese con {invitacion.correo}: quedará admitido al confirmar su correo.",
            datos={"registrarse": True, "correo": invitacion.correo},
        )
    cuenta = _turno(uow, invitacion.cuenta_id)
    if (impedimento := _impedimento(uow, cuenta, perfil)) is not None:
        raise impedimento
    if not _aceptar(uow, cuenta, perfil, invitacion):
        raise domain.enlace_vencido(_PEDIR_OTRA)
    return c.InvitacionAceptada(
        cuenta_id=cuenta.cuenta_id, cuenta=cuenta.nombre, correo=perfil.correo, rol=invitacion.rol
    )


def aceptar_invitaciones(uow: Uow, perfil: PerfilGuardado) -> None:
    """What a perfil was invited to before it confirmed its correo, now that it has. The caller holds the perfil."""
    for invitacion in uow.repo.invitaciones_para(perfil.correo, uow.ahora):
        cuenta = _turno(uow, invitacion.cuenta_id)
        if _impedimento(uow, cuenta, perfil) is None:
            _aceptar(uow, cuenta, perfil, invitacion)


def tomar_cuentas_que_invitan(uow: Uow, correo: str, otra: UUID) -> None:
    """Lock the CMs that invited a correo, and one more, in order of id: for whom accepts after changing that one."""
    invitan = {x.cuenta_id for x in uow.repo.invitaciones_para(correo, uow.ahora)}
    if invitan:
        for cuenta_id in sorted({otra, *invitan}):
            _turno(uow, cuenta_id)


def turno_de_administrador(uow: Uow, cuenta_id: UUID, actor: UUID, que: str) -> CuentaGuardada:
    """The CM, locked, of which `actor` is administrador or titular now, whatever its token says. `que` of it is to change.

    Raises `no_encontrado` and `no_permitido`.
    """
    cuenta = _turno(uow, cuenta_id)
    reglas.exigir_que_administre(_rol_de(uow, cuenta_id, actor), que)
    return cuenta


def _aceptar(uow: Uow, cuenta: CuentaGuardada, perfil: PerfilGuardado, vista: InvitacionGuardada) -> bool:
    """False when it was cancelled, or accepted, before the CM was locked."""
    invitacion = uow.repo.tomar_invitacion(cuenta.cuenta_id, vista.invitacion_id)
    if invitacion is None or cuenta.estado in (domain.Estado.CANCELADO, domain.Estado.ELIMINADO):
        return False
    if not uow.repo.es_usuario(cuenta.cuenta_id, perfil.perfil_id):
        _agregar(uow, cuenta, perfil, Rol(invitacion.rol), None)
    return True


def _agregar(
    uow: Uow, cuenta: CuentaGuardada, perfil: PerfilGuardado, rol: Rol, actor: UUID | None
) -> c.Usuario:
    uow.repo.agregar_usuario(
        cuenta_id=cuenta.cuenta_id, perfil_id=perfil.perfil_id, rol=rol, creado_en=uow.ahora
    )
    clave = f"{perfil.perfil_id}:{uuid4()}"
    escribir(uow, perfil.correo, mensajes.admitido(cuenta.nombre, rol), _clave(cuenta, f"usuario:{clave}"))
    de_titular = mensajes.nuevo_usuario(cuenta.nombre, perfil.nombre, perfil.correo, rol)
    _avisar_al_titular(uow, cuenta, actor, perfil.perfil_id, de_titular, f"usuario-titular:{clave}")
    objeto, antes, despues = f"perfil:{perfil.perfil_id}", {"rol": None}, {"rol": str(rol)}
    if actor is None:
        # The call that accepts names no CM; its log is where the CM looks for it.
        uow.asentar(
            "clientes.aceptar_invitacion",
            cuentas=[cuenta.cuenta_id],
            objeto=objeto,
            detalle=despues,
        )
    else:
        uow.auditar(objeto=objeto, antes=antes, despues=despues)
    return _ver(_usuario(uow, cuenta.cuenta_id, perfil.perfil_id))


def _invitar(uow: Uow, cuenta: CuentaGuardada, actor: UUID, correo: str, rol: Rol) -> c.Usuario:
    if uow.repo.contar_invitaciones(cuenta.cuenta_id, uow.ahora, salvo=correo) >= reglas.INVITACIONES_MAXIMO:
        raise reglas.demasiadas_invitaciones()
    sujeto = f"{cuenta.cuenta_id}:{correo}"
    hora: timedelta = domain.VIDA_RECUPERACION
    if (
        uow.repo.tokens_recientes(reglas.PROPOSITO_INVITACION, sujeto, uow.ahora - hora)
        >= domain.CORREOS_POR_HORA
    ):
        raise DomainError(
            Codigo.DEMASIADOS_INTENTOS,
            "Ya se le envió esta invitación varias veces. Espere una hora e intente de nuevo.",
            datos={"reintentar_en": 3600},
        )
    invitacion = uow.repo.invitar(
        InvitacionGuardada(
            invitacion_id=uuid4(),
            cuenta_id=cuenta.cuenta_id,
            correo=correo,
            rol=str(rol),
            invitado_por=actor,
            creado_en=uow.ahora,
            vence_en=uow.ahora + reglas.VIDA_INVITACION,
        )
    )
    token = domain.nueva_renovacion()
    uow.repo.agregar_token(
        token,
        proposito=reglas.PROPOSITO_INVITACION,
        sujeto=sujeto,
        vence_en=invitacion.vence_en,
        ahora=uow.ahora,
        datos={"invitacion_id": str(invitacion.invitacion_id), "correo": correo},
    )
    quien = perfil_de(uow, actor).nombre
    mensaje = mensajes.invitacion(cuenta.nombre, quien, rol, token, invitacion.vence_en)
    escribir(uow, correo, mensaje, _clave(cuenta, f"invitacion:{uuid4()}"), efimero=True, sobre=actor)
    uow.auditar(
        objeto=f"invitacion:{invitacion.invitacion_id}", antes={"rol": None}, despues={"rol": str(rol)}
    )
    return c.Usuario(
        invitacion_id=invitacion.invitacion_id,
        correo=correo,
        rol=invitacion.rol,
        estado="invitado",
        creado_en=invitacion.creado_en,
        vence_en=invitacion.vence_en,
    )


def _impedimento(uow: Uow, cuenta: CuentaGuardada, perfil: PerfilGuardado) -> DomainError | None:
    """Why a perfil can't administer this CM (domain: Words, perfil). It is locked, so that the answer holds."""
    if uow.repo.nics_de_perfil(perfil.perfil_id):
        return reglas.es_perfil_principal()
    if uow.repo.administra_el_otro_lado(cuenta.cuenta_id, perfil.perfil_id):
        return reglas.administra_el_otro_lado()
    return None


def _turno(uow: Uow, cuenta_id: UUID) -> CuentaGuardada:
    cuenta = uow.repo.turno_de_usuarios(cuenta_id)
    if cuenta is None:
        raise no_encontrado("esa Cuenta Maestra")
    return cuenta


def _rol_de(uow: Uow, cuenta_id: UUID, perfil_id: UUID) -> str | None:
    usuario = uow.repo.usuario(cuenta_id, perfil_id)
    return None if usuario is None else usuario.rol


def _usuario(uow: Uow, cuenta_id: UUID, perfil_id: UUID) -> UsuarioGuardado:
    usuario = uow.repo.usuario(cuenta_id, perfil_id)
    if usuario is None:
        raise no_encontrado("ese usuario en la cuenta")
    return usuario


def _avisar_al_titular(
    uow: Uow, cuenta: CuentaGuardada, actor: UUID | None, sobre: UUID, mensaje: Mensaje, clave: str
) -> None:
    """What happened to the usuario `sobre`, unless it was the titular who did it."""
    titular = uow.repo.titular_de(cuenta.cuenta_id)
    if titular is not None and titular.perfil_id != actor:
        escribir(uow, titular.correo, mensaje, _clave(cuenta, clave), sobre=sobre)


def _clave(cuenta: CuentaGuardada, que: str) -> str:
    """It says which CM the mail names, so that it goes when the CM does."""
    return f"cuenta:{cuenta.cuenta_id}:{que}"


def _ver(usuario: UsuarioGuardado) -> c.Usuario:
    invitado = usuario.perfil_id is None
    return c.Usuario(
        perfil_id=usuario.perfil_id,
        invitacion_id=usuario.id if invitado else None,
        nombre=usuario.nombre,
        correo=usuario.correo,
        movil=usuario.movil,
        rol=usuario.rol,
        estado="invitado" if invitado else "activo",
        creado_en=usuario.creado_en,
        vence_en=usuario.vence_en,
    )
