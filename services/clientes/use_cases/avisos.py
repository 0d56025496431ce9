"""Notices by mail to those who administer a CM: the first at once, a storm as one digest an hour.

Counting, choosing and writing the mails is one transaction: a death leaves all of it or nothing, the inbox makes a
repeated event harmless, and of several replicas only the one that holds the count writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.clientes.domain.avisos import CADA_AVISO
from services.clientes.mensajes import avisos as mensajes
from services.clientes.use_cases.correos import escribir
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.errors import no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: CMs and types that one transaction tells.
LOTE = 50


def avisar_por_correo(uow: Uow, aviso: ev.AvisoCreado) -> None:
    """Mail a notice, or count it when one of its type was mailed to the CM within the hour."""
    ahora = uow.ahora
    if not uow.repo.contar_aviso(aviso.cuenta_id, aviso.tipo, aviso.mensaje, ahora, ahora + CADA_AVISO):
        return
    for quien in uow.repo.destinatarios_de_avisos([aviso.cuenta_id]):
        mensaje = mensajes.aviso(quien.cuenta, aviso.tipo, aviso.mensaje)
        escribir(
            uow, quien.correo, mensaje, f"cuenta:{aviso.cuenta_id}:aviso:{aviso.aviso_id}:{quien.perfil_id}"
        )


def enviar_resumenes(uow: Uow) -> int:
    """Write the digests that are due, one lot of them; answers how many. The caller commits."""
    ahora = uow.ahora
    contados = uow.repo.tomar_avisos(ahora, ahora + CADA_AVISO, LOTE)
    destinatarios = uow.repo.destinatarios_de_avisos(list({x.cuenta_id for x in contados}))
    for uno in contados:
        for quien in destinatarios:
            if quien.cuenta_id == uno.cuenta_id:
                mensaje = mensajes.resumen(quien.cuenta, uno.tipo, uno.cuantos, uno.ultimo)
                clave = f"cuenta:{uno.cuenta_id}:avisos:{uno.tipo}:{uno.vez}:{quien.perfil_id}"
                escribir(uow, quien.correo, mensaje, clave)
    return len(contados)


def leer_preferencias(uow: Uow, peticion: c.LeerPreferenciasDeAvisos) -> c.PreferenciasDeAvisos:
    """What the usuario chose; true when it never did."""
    por_correo = uow.repo.avisos_por_correo(peticion.cuenta_id, peticion.perfil_id)
    if por_correo is None:
        raise no_encontrado("su usuario en esta cuenta")
    return c.PreferenciasDeAvisos(por_correo=por_correo)


def cambiar_preferencias(uow: Uow, peticion: c.CambiarPreferenciasDeAvisos) -> c.PreferenciasDeAvisos:
    """Choose whether this CM's notices come by mail to this usuario."""
    antes = leer_preferencias(
        uow, c.LeerPreferenciasDeAvisos(cuenta_id=peticion.cuenta_id, perfil_id=peticion.perfil_id)
    )
    uow.repo.preferir_avisos(peticion.cuenta_id, peticion.perfil_id, peticion.por_correo)
    uow.auditar(
        objeto=f"perfil:{peticion.perfil_id}",
        antes={"por_correo": antes.por_correo},
        despues={"por_correo": peticion.por_correo},
    )
    return c.PreferenciasDeAvisos(por_correo=peticion.por_correo)
