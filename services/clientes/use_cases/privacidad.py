"""Privacy: the notice and who accepted it, what is held about somebody, and its erasure.

An erasure replaces what says who somebody is, in place and in one transaction: rows and ids stay, so that ledgers and
the audit log, which know only ids, still hold together. The other services hear of it and do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes import domain
from services.clientes.domain import Credenciales, PerfilGuardado
from services.clientes.domain import privacidad as reglas
from services.clientes.domain.distribuidores import VIVAS
from services.clientes.mensajes import privacidad as mensajes
from services.clientes.use_cases.clientes import cliente_de, ver_cliente
from services.clientes.use_cases.correos import escribir
from services.clientes.use_cases.perfiles import perfil_de, ver_perfil
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.eventos import (
    CLIENTE_SUPRIMIDO,
    CUENTA_SUPRIMIDA,
    ClienteSuprimido,
    CuentaSuprimida,
)
from shared.errors import DomainError, campo_invalido
from shared.persistence.uow import UnitOfWork, quien

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def publicar_aviso(uow: Uow, p: c.PublicarAviso) -> c.VersionDeAviso:
    """A new version of the privacy notice, in force at once; each perfil is asked to accept it."""
    return _ver_aviso(uow.repo.publicar_aviso(p.texto, p.actor, uow.ahora))


def listar_avisos(uow: Uow, p: c.ListarVersionesDeAviso) -> c.PaginaVersionesDeAviso:
    """Every version that was ever in force, newest first."""
    filas = uow.repo.avisos(pagination.numero(p.cursor), p.limite + 1)
    pagina = filas[: p.limite]
    siguiente = pagination.cursor_de(pagina[-1].version) if len(filas) > p.limite else None
    return c.PaginaVersionesDeAviso(datos=[_ver_aviso(x) for x in pagina], siguiente=siguiente)


def anotar_consentimiento(uow: Uow, perfil: PerfilGuardado) -> None:
    """Of a perfil that confirms now: it accepted the version that its registration says, if it says one that exists."""
    if perfil.aviso_version is not None:
        uow.repo.consentir(perfil.perfil_id, perfil.aviso_version, uow.ahora, quien.get().ip)


def aceptar_aviso(uow: Uow, p: c.AceptarAviso) -> c.Consentimiento:
    """Accept the version in force. Raises `conflicto` for another one."""
    perfil = perfil_de(uow, p.perfil_id, bloquear=True)
    vigente = uow.repo.aviso_vigente().version
    if p.version != vigente:
        raise reglas.version_que_no_rige(vigente)
    uow.repo.consentir(perfil.perfil_id, str(vigente), uow.ahora, quien.get().ip)
    dado = uow.repo.consentimientos(perfil.perfil_id, None, 1)[0]
    uow.auditar(objeto=f"perfil:{perfil.perfil_id}", despues={"aviso": vigente})
    return c.Consentimiento(**asdict(dado))


def listar_consentimientos(uow: Uow, p: c.ListarConsentimientos) -> c.PaginaConsentimientos:
    """What a perfil accepted, the latest version first."""
    filas = uow.repo.consentimientos(p.perfil_id, pagination.numero(p.cursor), p.limite + 1)
    pagina = filas[: p.limite]
    siguiente = pagination.cursor_de(pagina[-1].version) if len(filas) > p.limite else None
    return c.PaginaConsentimientos(datos=[c.Consentimiento(**asdict(x)) for x in pagina], siguiente=siguiente)


def consultar_privacidad(uow: Uow, p: c.ConsultarPrivacidad) -> c.Privacidad:
    """The version in force, and whether a perfil has yet to accept it."""
    perfil = perfil_de(uow, p.perfil_id)
    vigente = uow.repo.aviso_vigente()
    ultimo = next(iter(uow.repo.consentimientos(perfil.perfil_id, None, 1)), None)
    return c.Privacidad(
        version=vigente.version,
        publicado_en=vigente.publicado_en,
        aceptada=ultimo.version if ultimo else None,
        aceptada_en=ultimo.en if ultimo else None,
        por_aceptar=ultimo is None or ultimo.version < vigente.version,
    )


def exportar_perfil(uow: Uow, p: c.ExportarDatosDePerfil) -> c.DatosDePerfil:
    """All that is held about a person here, without secrets."""
    perfil = perfil_de(uow, p.perfil_id)
    datos = uow.repo.datos_de_perfil(perfil.perfil_id, perfil.correo)
    factor = uow.repo.segundo_factor(perfil.perfil_id)
    activo = factor is not None and factor.confirmado_en is not None
    return c.DatosDePerfil(
        generado_en=uow.ahora,
        perfil=ver_perfil(uow, perfil),
        aviso_al_registrarse=perfil.aviso_version,
        segundo_factor=c.SegundoFactorDePerfil(
            activo=activo,
            desde=factor.confirmado_en if factor else None,
            codigos_restantes=uow.repo.codigos_restantes(perfil.perfil_id) if activo else 0,
        ),
        consentimientos=[
            c.Consentimiento(**asdict(x)) for x in uow.repo.consentimientos(perfil.perfil_id, None, None)
        ],
        sesiones=[c.DatosDeSesion(**x) for x in datos["sesiones"]],
        clientes=[c.ClienteDePerfil(**x) for x in datos["clientes"]],
        correos=[c.DatosDeCorreo(**x) for x in datos["correos"]],
    )


def exportar_cliente(uow: Uow, p: c.ExportarDatosDeCliente) -> c.DatosDeCliente:
    """All that is held here about a cliente of the CM."""
    cliente = cliente_de(uow, p.cuenta_id, p.nic)
    persona = None
    if cliente.perfil_principal_id and (x := uow.repo.perfil(cliente.perfil_principal_id)) is not None:
        persona = c.PersonaDeCliente(nombre=x.nombre, correo=x.correo, movil=x.movil)
    return c.DatosDeCliente(
        generado_en=uow.ahora,
        cliente=ver_cliente(cliente),
        perfil_principal=persona,
        importaciones=[c.LineaImportada(**x) for x in uow.repo.importado_de(p.cuenta_id, p.nic)],
    )


def suprimir_perfil(uow: Uow, p: c.SuprimirPerfil, credenciales: Credenciales) -> c.Supresion:
    """Erase a person for good: what says who it was, and whatever lets it in. Locks: perfil, CMs, clientes.

    Raises `datos_invalidos` unless confirmed, `credenciales_invalidas`, and `conflicto` while a living CM would be left
    without its titular.
    """
    perfil = perfil_de(uow, p.perfil_id, bloquear=True)
    if not p.confirmar:
        raise _falta_confirmar()
    if not credenciales.coincide(perfil.hash_contrasena, p.contrasena):
        raise domain.contrasena_equivocada("contrasena")
    suyas = [x for x in uow.repo.tomar_cuentas_de(perfil.perfil_id, perfil.correo) if x.rol is not None]
    dependen = [x.nombre for x in suyas if x.rol == "titular" and x.estado in VIVAS]
    if dependen:
        raise reglas.cuenta_que_depende(dependen)
    uow.repo.suprimir_perfil(perfil.perfil_id, perfil.correo, uow.ahora)
    uow.repo.limpiar_respuestas("perfil_id", [str(perfil.perfil_id)], reglas.sin_persona)
    de_contacto = partial(reglas.sin_persona, campos=reglas.DE_CONTACTO)
    uow.repo.limpiar_respuestas("correo", [perfil.correo], de_contacto)
    escribir(uow, perfil.correo, mensajes.perfil_suprimido(), f"supresion:{perfil.perfil_id}", efimero=True)
    uow.auditar(
        objeto=f"perfil:{perfil.perfil_id}",
        despues={"suprimido": True},
        cuentas=[x.cuenta_id for x in suyas],
    )
    return c.Supresion(suprimido_en=uow.ahora, conservado=list(reglas.CONSERVADO_DE_PERFIL))


def suprimir_cliente(uow: Uow, p: c.SuprimirCliente) -> c.Supresion:
    """Erase who a cliente of the CM is. Its NIC, its CTI and what it bought stay, and its CTI keep stamping.

    Raises `datos_invalidos` unless confirmed, and `conflicto` when it is not in bajas, is erased already, or an import
    under way may hold its data.
    """
    if not p.confirmar:
        raise _falta_confirmar()
    cliente = cliente_de(uow, p.cuenta_id, p.nic, bloquear=True)
    if not cliente.baja:
        raise reglas.cliente_no_en_bajas()
    if uow.repo.importacion_en_curso(p.cuenta_id):
        raise reglas.importacion_en_curso()
    _suprimir_cliente(uow, cliente.cliente_id, cliente.nic, cliente.cuenta_id, cliente.rfc)
    uow.auditar(objeto=f"nic:{cliente.nic}", antes={"suprimido": False}, despues={"suprimido": True})
    return c.Supresion(suprimido_en=uow.ahora, conservado=list(reglas.CONSERVADO_DE_CLIENTE))


def suprimir_cuentas(uow: Uow, ids: Sequence[UUID], ahora: datetime) -> None:
    """What is left of CMs that are removed, 30 days after they were cancelled; the caller has them locked.

    Who they were, who administered them, their alta, their keys, their imports, what was written as the reason of a
    change, and the mails about them or to who was to be the titular go. A cliente that became one of them is the same
    person, and is erased with it; the other clientes keep stamping.
    """
    if not ids:
        return
    contactos = uow.repo.contactos_de_cuentas(ids)
    propios = uow.repo.tomar_clientes_propios(ids)
    uow.repo.borrar_datos(ids)
    uow.repo.borrar_rastro_de_cuentas(ids, [x.correo for x in contactos if x.correo], ahora)
    uow.repo.olvidar_correos_sobre([f"{que}:{x}" for x in ids for que in ("cuenta", "alta")])
    uow.repo.limpiar_respuestas("cuenta_id", [str(x) for x in ids], reglas.sin_persona)
    for cliente in propios:
        _suprimir_cliente(uow, cliente.cliente_id, cliente.nic, cliente.cuenta_id, cliente.rfc)
    # Of an alta that nobody confirmed the others never heard: they would wait for it, and give up in a dead letter.
    anunciadas = uow.repo.anunciadas(ids)
    for cuenta_id in ids:
        if cuenta_id in anunciadas:
            uow.publish(CUENTA_SUPRIMIDA, CuentaSuprimida(cuenta_id=cuenta_id, en=ahora))
        uow.asentar("clientes.suprimir_cuenta", cuentas=[cuenta_id], objeto=f"cuenta:{cuenta_id}")


def _suprimir_cliente(uow: Uow, cliente_id: UUID, nic: int, cuenta_id: UUID, rfc: str | None) -> None:
    uow.repo.suprimir_cliente(cliente_id, nic, cuenta_id, rfc, uow.ahora)
    uow.repo.olvidar_correos_sobre([f"perfil_principal:{cliente_id}"])
    uow.repo.limpiar_respuestas("cliente_id", [str(cliente_id)], reglas.sin_persona)
    uow.publish(CLIENTE_SUPRIMIDO, ClienteSuprimido(cliente_id=cliente_id, nic=nic, en=uow.ahora))


def _ver_aviso(aviso: reglas.AvisoGuardado) -> c.VersionDeAviso:
    return c.VersionDeAviso(**{**asdict(aviso), "huella": aviso.huella.hex()})


def _falta_confirmar() -> DomainError:
    return campo_invalido(
        "confirmar", "La supresión no se puede deshacer. Envíe confirmar: true si está de acuerdo."
    )
