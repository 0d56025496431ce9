"""The earlier stamp of a document, by the document itself: what an application asks that lost the answer.

Nothing is checked but what tells one document from another, so that it also works after the 72 hours and
with a certificate that has expired since. Nothing is ever stamped here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from services.timbrado import domain
from services.timbrado.cfdi import cadena, documento, formatos
from services.timbrado.cfdi.tfd import insertar
from services.timbrado.credenciales import Credenciales
from services.timbrado.domain import uso
from shared.contracts import timbrado as c
from shared.errors import no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio, TimbradoConocido


def recuperar_timbrado(
    credenciales: Credenciales,
) -> Callable[[UnitOfWork[Repositorio], c.SolicitudDeTimbrado], c.ResultadoDeTimbrado]:
    """What stamping this document again would answer, were it stamped already.

    Whoever holds the whole document may have its TFD, through whichever CTI it was stamped, as with a repeat
    (domain: Stamping, 2). Raises `credenciales_invalidas`, `cfdi_invalido` 301, `no_encontrado`, `pendiente`.
    """

    def use_case(uow: UnitOfWork[Repositorio], p: c.SolicitudDeTimbrado) -> c.ResultadoDeTimbrado:
        [cti] = credenciales.verificar([(p.cti, p.contrasena)], al_dia=True)
        if cti is None:
            raise domain.credenciales_invalidas()
        huella, emisor = huella_de(p.xml.encode())
        uso.revisar(cti, emisor, p.ip)
        hallado = next(iter(uow.repo.conocidos([huella], [])), None)
        if hallado is None:
            raise no_encontrado("un timbre previo de este comprobante")
        if hallado.tfd is None:
            raise domain.pendiente()
        return previo(hallado, None)

    return use_case


def previo(hallado: TimbradoConocido, idd: str | None) -> c.ResultadoDeTimbrado:
    """The answer to a repeat: the document as it was stamped. `hallado` has its TFD."""
    return c.ResultadoDeTimbrado(
        uuid=hallado.uuid,
        xml=insertar(bytes(hallado.xml), bytes(hallado.tfd or b"")).decode(),
        idd=idd or hallado.idd or str(hallado.uuid).upper(),
        repetido=True,
    )


def huella_de(xml: bytes) -> tuple[bytes, str]:
    """What identifies a document, as the validator works it out (SHA-256 of issuer and cadena original); the issuer."""
    raiz = documento.analizar(xml)
    formato = formatos.de(raiz)
    documento.quitar_addenda(raiz)
    emisor = formato.emisor(raiz)
    return hashlib.sha256(emisor.encode() + cadena.cadena_original(raiz)).digest(), emisor
