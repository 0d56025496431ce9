"""A CM's distributors: their alta, and what their parent does with them (manual: Distribuidores).

A transition is one conditional update of the state and version that were read, so that of two clicks or replicas one
makes it; its line in the history, its event and its mail are in the same transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import distribuidores as reglas
from services.clientes.domain import vigencia
from services.clientes.domain.cuentas import CuentaGuardada, Estado
from services.clientes.domain.distribuidores import Accion, Cambio, Correccion, DatosDeAlta, Origen, Quien
from services.clientes.domain.privacidad import es_correo_suprimido
from services.clientes.mensajes import distribuidores as mensajes
from services.clientes.use_cases.correos import escribir
from services.clientes.use_cases.cuentas import cuenta_de
from shared.contracts import eventos as ev
from shared.errors import Codigo, DomainError
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.domain import Mensaje
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def abrir(
    uow: Uow, padre_id: UUID, datos: DatosDeAlta, origen: Origen, actor: UUID | None = None
) -> CuentaGuardada:
    """Open a CM that waits to be confirmed by whoever has `datos.correo`, and mail it. `datos` are normalised already.

    In the portal an alta that waits already is a conflict; from outside it is mailed again, so that a form says the
    same to everyone. Raises `contrato_requerido` without Multi-nivel, `cuenta_bloqueada` for a parent that is not
    active, `datos_invalidos` for a correo or móvil of who administers the parent.
    """
    padre = uow.repo.cuenta_para_hijas(padre_id)
    if padre is None:
        raise padre_no_encontrado()
    domain.exigir_activa(padre)
    exigir_multinivel(uow, padre)
    _exigir_ajeno(uow, padre, datos.correo, datos.movil)
    ahora = uow.ahora
    cuenta = CuentaGuardada(
        cuenta_id=uuid4(),
        padre_id=padre_id,
        nombre=datos.nombre,
        rfc=datos.rfc,
        estado=str(Estado.SIN_VALIDAR),
        vence_en=None,
        creado_en=ahora,
        estado_desde=ahora,
        correo=datos.correo,
        movil=datos.movil,
        titular_nombre=datos.titular_nombre,
        origen=str(origen),
        confirmar_antes_de=vigencia.confirmar_hasta(ahora),
    )
    if not uow.repo.agregar_cuenta(cuenta):
        return _repetida(uow, padre, datos, origen)
    quien = Quien.PROPIA if origen in (Origen.EXTERNA, Origen.INSCRIPCION) else Quien.PADRE
    uow.repo.anotar_cambio(
        Cambio(
            cuenta_id=cuenta.cuenta_id,
            accion=Accion.ALTA,
            de=None,
            a=Estado.SIN_VALIDAR,
            quien=quien,
            actor=actor,
            motivo=None,
            en=ahora,
        )
    )
    if origen is Origen.CONVERSION:
        # Its first cliente moves to it at once, so its stock and its wallet are needed before it is confirmed.
        contar_creada(uow, cuenta)
    contar(uow, cuenta)
    enviar_confirmacion(uow, padre, cuenta)
    return cuenta


def exigir_multinivel(uow: Uow, cuenta: CuentaGuardada) -> None:
    """Raise `contrato_requerido` unless the CM has the MKL Multi-nivel in force; the root needs none."""
    hoy = vigencia.dia_en_mexico(uow.ahora)
    if not cuenta.es_raiz and not uow.repo.tiene_capacidad(cuenta.cuenta_id, reglas.MULTINIVEL, hoy):
        raise reglas.sin_multinivel()


def reenviar(uow: Uow, padre_id: UUID, cuenta_id: UUID, correccion: Correccion) -> CuentaGuardada:
    """Another mail, and thirty more days; the link of the earlier one stops working.

    A `correccion` changes who it goes to: a mistyped correo would leave the alta, and the cliente that a conversion put
    into it, to nobody. Who had the earlier link is told that it is void, and not whose the new one is. Raises what
    an alta with that correo and móvil would.
    """
    padre = cuenta_de(uow, padre_id)
    if correccion != Correccion():
        # Its row is the turn of whoever opens or corrects an alta under it: of one correo, one waits at a time.
        padre = uow.repo.tomar_cuenta(padre_id) or padre
    domain.exigir_activa(padre)
    cuenta = reglas.exigir_hija(padre_id, uow.repo.cuenta(cuenta_id))
    if cuenta.estado != Estado.SIN_VALIDAR:
        raise reglas.fuera_de_estado(Estado(cuenta.estado), Accion.VALIDAR)
    if correccion != Correccion():
        _exigir_corregible(uow, padre, cuenta, correccion)
    alargada = uow.repo.reenviar_alta(cuenta_id, vigencia.confirmar_hasta(uow.ahora), correccion)
    if alargada is None:
        raise DomainError(Codigo.CONFLICTO, "La cuenta cambió mientras tanto. Consúltela de nuevo y repita.")
    uow.auditar(
        objeto=f"distribuidor:{cuenta_id}", antes=_contacto_de(cuenta), despues=_contacto_de(alargada)
    )
    if cuenta.correo not in (None, alargada.correo) and not es_correo_suprimido(str(cuenta.correo)):
        retirado = mensajes.alta_con_otro_correo(cuenta.nombre, padre.nombre)
        escribir(uow, str(cuenta.correo), retirado, f"alta:{cuenta_id}:otro_correo:{alargada.version}")
    enviar_confirmacion(uow, padre, alargada)
    return alargada


def actuar(
    uow: Uow, padre_id: UUID, cuenta_id: UUID, accion: Accion, actor: UUID | None, motivo: str | None
) -> CuentaGuardada:
    """Activate, suspend, reactivate or cancel a direct sub-distributor. Raises `conflicto` in another state.

    A cancelled one's own sub-distributors go on under the parent. Locks for that: the parent, the CM, those.
    """
    # Whoever is adopted hangs from a parent that is still active, and that is nobody else's turn.
    padre = uow.repo.tomar_cuenta(padre_id) if accion is Accion.CANCELAR else None
    domain.exigir_activa(padre or cuenta_de(uow, padre_id))
    cuenta = reglas.exigir_hija(
        padre_id, uow.repo.tomar_cuenta(cuenta_id) if padre else uow.repo.cuenta(cuenta_id)
    )
    motivo = reglas.motivo_valido(accion, motivo)
    reglas.transitar(cuenta.estado, accion, Quien.PADRE)
    vence_en, adoptadas = cuenta.vence_en, list[UUID]()
    if accion is Accion.ACTIVAR:
        vence_en = vigencia.primer_vencimiento(uow.ahora)
    elif accion is Accion.REACTIVAR and vence_en is not None and _paso(vence_en, uow.ahora):
        raise DomainError(
            Codigo.CONFLICTO,
            f"La cuenta venció el {vigencia.en_palabras(vence_en)} mientras estaba suspendida. Renuévela, y"
            " con el pago volverá a estar activa.",
            datos={"estado": cuenta.estado, "acciones": [str(Accion.RENOVAR), str(Accion.CANCELAR)]},
        )
    elif accion is Accion.CANCELAR:
        assert padre is not None
        adoptadas = _adoptar(uow, padre, cuenta)
        uow.repo.anular_tokens(proposito=reglas.PROPOSITO_ALTA, sujeto=str(cuenta_id), ahora=uow.ahora)
    cambiada = cambiar(uow, cuenta, accion, Quien.PADRE, actor, motivo, vence_en)
    despues = estado_de(cambiada)
    if adoptadas:
        despues["adoptadas"] = [str(x) for x in adoptadas]
    uow.auditar(objeto=f"distribuidor:{cuenta_id}", antes=estado_de(cuenta), despues=despues)
    avisar(uow, cambiada, _mensaje(cambiada, accion, motivo, uow.ahora), str(accion))
    return cambiada


def cambiar(
    uow: Uow,
    cuenta: CuentaGuardada,
    accion: Accion,
    quien: Quien,
    actor: UUID | None,
    motivo: str | None = None,
    vence_en: datetime | None = None,
) -> CuentaGuardada:
    """Make a transition of a CM as it was read, record and tell it. Raises `conflicto` when it changed meanwhile."""
    a = reglas.transitar(cuenta.estado, accion, quien)
    vence_en = vence_en or cuenta.vence_en
    aviso = vigencia.proximo_aviso(vence_en, uow.ahora) if a is Estado.ACTIVO and vence_en else None
    cambio = Cambio(
        cuenta_id=cuenta.cuenta_id,
        accion=accion,
        de=Estado(cuenta.estado),
        a=a,
        quien=quien,
        actor=actor,
        motivo=motivo,
        en=uow.ahora,
    )
    cambiada = uow.repo.cambiar_estado(cambio, cuenta.version, vence_en, aviso)
    if cambiada is None:
        actual = uow.repo.cuenta(cuenta.cuenta_id)
        estado = Estado(actual.estado) if actual else Estado.ELIMINADO
        if accion is Accion.RENOVAR or estado in reglas.TRANSICIONES[accion]:
            raise DomainError(
                Codigo.CONFLICTO, "La cuenta cambió mientras tanto. Consúltela de nuevo y repita."
            )
        raise reglas.fuera_de_estado(estado, accion)
    contar(uow, cambiada)
    return cambiada


def estado_de(cuenta: CuentaGuardada) -> dict[str, object]:
    """What the audit log shows of a CM before and after."""
    return {"estado": cuenta.estado, "vence_en": cuenta.vence_en}


def contar(uow: Uow, cuenta: CuentaGuardada) -> None:
    """Tell the others how the CM stands; `version` tells an old word from a new one."""
    uow.publish(
        ev.CUENTA_MAESTRA_CAMBIADA,
        ev.CuentaMaestraCambiada(
            cuenta_id=cuenta.cuenta_id,
            estado=cuenta.estado,
            vence_en=cuenta.vence_en,
            version=cuenta.version,
            en=uow.ahora,
        ),
    )


def contar_creada(uow: Uow, cuenta: CuentaGuardada) -> None:
    """Tell the others that the CM exists, so that it has a stock and a wallet. Twice is harmless."""
    uow.publish(
        ev.CUENTA_MAESTRA_CREADA,
        ev.CuentaMaestraCreada(cuenta_id=cuenta.cuenta_id, padre_id=cuenta.padre_id, nombre=cuenta.nombre),
    )


def avisar(
    uow: Uow,
    cuenta: CuentaGuardada,
    mensaje: Mensaje,
    de_que: str,
    sobre: UUID | None = None,
    perfil_id: UUID | None = None,
) -> None:
    """Mail to the titular, or to the correo of its alta while there is none.

    `sobre`: the CM that the mail names, if not this one: when that one is removed, the mail goes. `perfil_id`: the
    person whom it names.
    """
    titular = uow.repo.titular_de(cuenta.cuenta_id)
    para = titular.correo if titular else cuenta.correo
    if para:
        clave = f"cuenta:{sobre or cuenta.cuenta_id}:{de_que}:{cuenta.version}"
        escribir(uow, para, mensaje, clave, sobre=perfil_id)


def enviar_confirmacion(uow: Uow, padre: CuentaGuardada, cuenta: CuentaGuardada) -> None:
    """A new token by mail; those of earlier mails stop working. Nothing of the token is kept but its hash."""
    assert cuenta.confirmar_antes_de is not None
    assert cuenta.correo is not None
    token = domain.nueva_renovacion()
    uow.repo.agregar_token(
        token,
        proposito=reglas.PROPOSITO_ALTA,
        sujeto=str(cuenta.cuenta_id),
        vence_en=cuenta.confirmar_antes_de,
        ahora=uow.ahora,
    )
    mensaje = mensajes.confirmar_alta(cuenta.nombre, padre.nombre, token, cuenta.confirmar_antes_de)
    escribir(uow, cuenta.correo, mensaje, f"alta:{cuenta.cuenta_id}:{cuenta.version}")


def padre_no_encontrado() -> DomainError:
    """The parent is not there."""
    return DomainError(Codigo.NO_ENCONTRADO, "No existe esa Cuenta Maestra. Revise el identificador.")


def _exigir_ajeno(uow: Uow, padre: CuentaGuardada, correo: str, movil: str) -> None:
    if uow.repo.usuario_con_contacto(padre.cuenta_id, correo, movil):
        raise reglas.contacto_de_quien_da_de_alta()


def _exigir_corregible(
    uow: Uow, padre: CuentaGuardada, cuenta: CuentaGuardada, correccion: Correccion
) -> None:
    correo, movil = correccion.correo or cuenta.correo, correccion.movil or cuenta.movil
    assert correo is not None
    assert movil is not None
    _exigir_ajeno(uow, padre, correo, movil)
    espera = uow.repo.alta_sin_validar(padre.cuenta_id, correo)
    if espera is not None and espera.cuenta_id != cuenta.cuenta_id:
        raise reglas.ya_espera_otra(espera)


def _adoptar(uow: Uow, padre: CuentaGuardada, cuenta: CuentaGuardada) -> list[UUID]:
    """The living sub-distributors of a CM that is about to be cancelled go on under its parent; their ids.

    Nothing else of them changes: state, clientes, balances, contracts. None is born meanwhile, since a CM that can be
    cancelled opens none, and the caller has both locked.
    """
    hijas = uow.repo.tomar_hijas_vivas(cuenta.cuenta_id)
    if not hijas:
        return []
    ids = [x.cuenta_id for x in hijas]
    if nombres := uow.repo.en_ambos_lados(padre.cuenta_id, ids):
        raise reglas.en_ambos_lados(nombres)
    for hija in hijas:
        if hija.estado == Estado.SIN_VALIDAR and hija.correo is not None:
            espera = uow.repo.alta_sin_validar(padre.cuenta_id, hija.correo)
            if espera is not None:
                raise reglas.dos_altas_de_un_correo(espera)
    for adoptada in uow.repo.adoptar(padre.cuenta_id, ids, uow.ahora):
        contar(uow, adoptada)
        uow.asentar(
            "clientes.adoptar_cuenta",
            cuentas=[padre.cuenta_id, adoptada.cuenta_id],
            objeto=f"distribuidor:{adoptada.cuenta_id}",
            detalle={"padre_anterior": str(cuenta.cuenta_id), "padre": str(padre.cuenta_id)},
        )
        if adoptada.estado != Estado.SIN_VALIDAR:
            mensaje = mensajes.con_otro_distribuidor(adoptada.nombre, cuenta.nombre, padre.nombre)
            avisar(uow, adoptada, mensaje, "adopcion")
    return ids


def _contacto_de(cuenta: CuentaGuardada) -> dict[str, object]:
    """What the audit log shows of an alta that is sent again; it masks what says who somebody is."""
    return {
        "correo": cuenta.correo,
        "movil": cuenta.movil,
        "titular": cuenta.titular_nombre,
        "confirmar_antes_de": cuenta.confirmar_antes_de,
    }


def _repetida(uow: Uow, padre: CuentaGuardada, datos: DatosDeAlta, origen: Origen) -> CuentaGuardada:
    espera = uow.repo.alta_sin_validar(padre.cuenta_id, datos.correo)
    if espera is None or origen in (Origen.PORTAL, Origen.CONVERSION):
        raise reglas.ya_espera_otra(espera)
    alargada = uow.repo.reenviar_alta(espera.cuenta_id, vigencia.confirmar_hasta(uow.ahora), Correccion())
    if alargada is None:
        raise DomainError(Codigo.CONFLICTO, "La cuenta se confirmó mientras tanto.")
    enviar_confirmacion(uow, padre, alargada)
    return alargada


def _paso(vence_en: datetime, ahora: datetime) -> bool:
    return vence_en < vigencia.corte_de_vencidas(ahora)


def _mensaje(cuenta: CuentaGuardada, accion: Accion, motivo: str | None, ahora: datetime) -> Mensaje:
    if accion is Accion.ACTIVAR:
        assert cuenta.vence_en is not None
        return mensajes.activada(cuenta.nombre, cuenta.vence_en)
    if accion is Accion.SUSPENDER:
        return mensajes.suspendida(cuenta.nombre, motivo or "")
    if accion is Accion.CANCELAR:
        return mensajes.cancelada(cuenta.nombre, motivo or "", vigencia.se_elimina_el(ahora))
    return mensajes.reactivada(cuenta.nombre)
