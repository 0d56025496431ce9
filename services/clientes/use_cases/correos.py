"""Mails: written in the transaction of what they tell, so that neither exists without the other; sent afterwards.

Sent at least once: a process that dies between the server's answer and its own note of it sends again, with the same
Message-ID. While a mail is on its way no transaction is open; the row is taken for as long as a sending may last.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes import domain
from services.clientes.domain import (
    CorreoEscrito,
    CorreoTomado,
    EnvioFallido,
    EstadoCorreo,
    Mensaje,
    Transporte,
)
from services.clientes.mensajes import plantilla
from shared import pagination
from shared.contracts import clientes as c
from shared.crash import crash_point
from shared.errors import Codigo, DomainError, no_encontrado
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

log = get_logger(__name__)

_MARGEN = timedelta(seconds=2)
_LOTE_DE_LIMPIEZA = 1000


def escribir(
    uow: Uow,
    para: str,
    mensaje: Mensaje,
    clave: str,
    *,
    efimero: bool = False,
    de: UUID | None = None,
    sobre: UUID | None = None,
) -> None:
    """Queue a mail for `para` (a correo). The same `clave` twice is one mail.

    `efimero`: its address is erased as soon as it is sent or given up. `de`: the perfil that it is for, where `para` is
    not that perfil's own correo. `sobre`: another perfil whom it names; say it, since an erasure searches no text.
    Raises `datos_invalidos` when `para` could break a header; a subject is written without what could.
    """
    uow.repo.agregar_correo(
        CorreoEscrito(
            clave=clave,
            para=domain.cabecera_valida(para, "correo"),
            asunto=domain.en_cabecera(mensaje.asunto),
            texto=plantilla.en_texto(mensaje),
            html=plantilla.en_html(mensaje),
            secreto=not mensaje.sin_secretos,
            efimero=efimero,
            perfil_id=de,
            sobre_perfil_id=sobre,
        )
    )


def enviar_uno(abrir: Callable[[], Uow], transporte: Transporte) -> bool:
    """Send the mail that waits longest; false when none is due, or when the server does not take any for now."""
    with abrir() as uow:
        correo = uow.repo.tomar_correo(uow.ahora, timedelta(seconds=transporte.plazo) + _MARGEN)
        uow.commit()
    if correo is None:
        transporte.soltar()
        return False
    try:
        transporte.enviar(correo)
    except EnvioFallido as exc:
        _anotar_falla(abrir, correo, exc)
        return exc.definitivo
    crash_point("correos.despues_de_enviar")
    with abrir() as uow:
        uow.repo.correo_enviado(correo.correo_id, uow.ahora)
        uow.commit()
    return True


def _anotar_falla(abrir: Callable[[], Uow], correo: CorreoTomado, falla: EnvioFallido) -> None:
    espera = None if falla.definitivo else domain.proximo_intento(correo.intentos, random.random())
    # Neither the log nor the row, which may outlive the address, says whom it was for.
    motivo = domain.sin_direcciones(falla.motivo, correo.para)
    log.warning(
        "correo_no_enviado",
        correo=str(correo.correo_id),
        intentos=correo.intentos,
        definitivo=espera is None,
        motivo=motivo,
    )
    with abrir() as uow:
        if espera is None:
            uow.repo.correo_fallido(correo.correo_id, motivo)
        else:
            uow.repo.correo_pospuesto(correo.correo_id, uow.ahora + espera, motivo)
        uow.commit()


def limpiar(uow: Uow) -> int:
    """Forget mails that were sent or given up long ago, and invitations that nobody took; answers how many."""
    ahora = uow.ahora
    return uow.repo.olvidar_correos(
        ahora - domain.VIDA_DE_ENVIADO, ahora - domain.VIDA_DE_FALLIDO, _LOTE_DE_LIMPIEZA
    )


def listar_correos(uow: Uow, peticion: c.ListarCorreos) -> c.PaginaCorreos:
    """Mails as an operator sees them, newest first, without their text."""
    filas = uow.repo.correos(peticion.estado, pagination.posicion(peticion.cursor), peticion.limite + 1)
    datos = filas[: peticion.limite]
    siguiente = None
    if len(filas) > peticion.limite:
        siguiente = pagination.Posicion(datos[-1].creado_en, datos[-1].correo_id).cursor()
    return c.PaginaCorreos(datos=[c.Correo(**asdict(x)) for x in datos], siguiente=siguiente)


def reintentar_correo(uow: Uow, peticion: c.ReintentarCorreo) -> c.Correo:
    """Send a mail again that was given up, with all its tries before it.

    The answer is kept for who repeats the request, longer than the mail: it has the address masked.
    """
    correo = uow.repo.correo(peticion.correo_id)
    if correo is None:
        raise no_encontrado("ese correo")
    if correo.estado != EstadoCorreo.FALLIDO:
        raise DomainError(
            Codigo.CONFLICTO,
            f"Ese correo está {correo.estado}; sólo se reintenta uno que falló definitivamente.",
        )
    if not correo.reintentable:
        raise DomainError(
            Codigo.CONFLICTO,
            "Ese correo llevaba un enlace personal y su texto ya se borró. Pida a la persona que solicite otro.",
        )
    nuevo = uow.repo.correo_de_nuevo(peticion.correo_id, uow.ahora)
    uow.auditar(
        objeto=f"correo:{nuevo.correo_id}", antes={"estado": correo.estado}, despues={"estado": nuevo.estado}
    )
    return c.Correo(**{**asdict(nuevo), "para": domain.para_mostrar(nuevo.para), "error": None})
