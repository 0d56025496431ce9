"""API keys of a CM: made and shown once, listed, revoked, and looked up by the gateway at each use.

A key outlives who made it. So who makes or revokes one is read behind the CM's lock: a token, and what the gateway
remembers of it for some seconds, may be older than the change that took its role away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from services.clientes import domain
from services.clientes.domain import LlaveGuardada
from services.clientes.use_cases.usuarios import turno_de_administrador
from shared import pagination
from shared.contracts import clientes as c
from shared.errors import no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

_QUE = "sus llaves de API"


def crear_llave_api(uow: Uow, p: c.CrearLlaveApi) -> c.LlaveApiCreada:
    """A key of the CM; only this answer carries it whole.

    Raises `no_permitido` for who is not administrador (any more), `cuenta_bloqueada` for a CM that is not active,
    `conflicto` for one that has `LLAVES_MAXIMO` already, `datos_invalidos` for an address that is none or an end that
    has passed.
    """
    domain.exigir_activa(turno_de_administrador(uow, p.cuenta_id, p.actor, _QUE))
    if uow.repo.contar_llaves(p.cuenta_id, uow.ahora) >= domain.LLAVES_MAXIMO:
        raise domain.demasiadas_llaves()
    secreto = domain.nuevo_secreto()
    llave = LlaveGuardada(
        llave_id=uuid4(),
        cuenta_id=p.cuenta_id,
        nombre=domain.texto_requerido(p.nombre, "nombre"),
        huella=domain.huella_de_secreto(secreto),
        alcances=sorted(set(p.alcances)),
        redes=list(dict.fromkeys(domain.red_valida(red, n) for n, red in enumerate(p.redes))),
        creada_por=p.actor,
        creada_en=uow.ahora,
        vence_en=domain.vencimiento_valido(p.vence_en, uow.ahora),
    )
    uow.repo.agregar_llave(llave)
    vista = ver_llave(llave)
    uow.auditar(objeto=f"llave:{llave.llave_id}", despues=vista)
    return c.LlaveApiCreada(**vista.__dict__, llave=domain.escribir_llave(llave.llave_id, secreto))


def listar_llaves_api(uow: Uow, p: c.ListarLlavesApi) -> c.PaginaLlavesApi:
    """Keys of the CM, the newest first."""
    limite = pagination.limite_valido(p.limite)
    filas = uow.repo.llaves(
        p.cuenta_id, revocadas=p.revocadas, desde=pagination.posicion(p.cursor), limite=limite + 1
    )
    pagina, siguiente = filas[:limite], None
    if len(filas) > limite:
        siguiente = pagination.Posicion(pagina[-1].creada_en, pagina[-1].llave_id).cursor()
    return c.PaginaLlavesApi(datos=[ver_llave(x) for x in pagina], siguiente=siguiente)


def revocar_llave_api(uow: Uow, p: c.RevocarLlaveApi) -> c.LlaveApi:
    """No use of the key is looked up as good from the commit on.

    Raises `no_permitido` for who is not administrador (any more), `no_encontrado` for another CM's.
    """
    turno_de_administrador(uow, p.cuenta_id, p.actor, _QUE)
    llave = uow.repo.revocar_llave(p.cuenta_id, p.llave_id, por=p.actor, en=uow.ahora)
    if llave is None:
        raise no_encontrado("esa llave")
    uow.auditar(objeto=f"llave:{p.llave_id}", despues={"revocada_en": llave.revocada_en})
    return ver_llave(llave)


def verificar_llave_api(uow: Uow, p: c.VerificarLlaveApi) -> c.LlaveApiVigente:
    """What a key may do now. That it was shown with its right secret is noted, at most once a minute."""
    llave = uow.repo.llave_vigente(p.llave_id)
    try:
        huella = bytes.fromhex(p.huella)
    except ValueError:
        huella = b""
    if llave is None or not llave.sirve(huella, uow.ahora):
        return c.LlaveApiVigente(vigente=False)
    if llave.por_anotar(uow.ahora):
        uow.repo.anotar_uso_de_llave(
            p.llave_id, en=uow.ahora, antes=uow.ahora - domain.CADA_USO_DE_LLAVE, ip=p.origen_ip
        )
    return c.LlaveApiVigente(
        vigente=True,
        nombre=llave.nombre,
        cuenta_id=llave.cuenta_id,
        estado=llave.estado,
        es_raiz=llave.es_raiz,
        alcances=llave.alcances,
        redes=llave.redes,
        vence_en=llave.vence_en,
    )


def ver_llave(llave: LlaveGuardada) -> c.LlaveApi:
    """A key as its CM sees it."""
    return c.LlaveApi(
        llave_id=llave.llave_id,
        nombre=llave.nombre,
        alcances=llave.alcances,
        redes=llave.redes,
        creada_por=llave.creada_por,
        creada_en=llave.creada_en,
        vence_en=llave.vence_en,
        usada_en=llave.usada_en,
        usada_desde=llave.usada_ip,
        revocada_en=llave.revocada_en,
    )
