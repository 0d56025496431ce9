"""A CTI that has stamped and cancels, on a real PostgreSQL: what the tests of cancellations and lists share."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from sqlalchemy import text

from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.credenciales import Credenciales
from services.timbrado.pac.protocolo import SolicitudDeCancelacion
from services.timbrado.pac.sandbox import PacSandbox
from services.timbrado.repository import MemoriaPostgres, MemoriaSatPostgres
from services.timbrado.use_cases.cancelar import Cancelador
from shared.contracts import timbrado as c
from shared.errors import DomainError
from shared.testing import cfdi
from tests.integration.test_timbrado_pipeline import CLAVE, Banco, armar

SECRETO = b"llave-de-prueba-1"


class PacContado(PacSandbox):
    """The sandbox, counting what it is asked."""

    cancelados: list[SolicitudDeCancelacion]
    calla_la_aceptacion = False

    def cancelar(self, s: SolicitudDeCancelacion) -> Any:
        self.cancelados.append(s)
        r: Any = super().cancelar(s)
        return replace(r, en_proceso=False) if self.calla_la_aceptacion else r


@dataclass
class Notaria:
    """A CTI that has stamped, and the cancellations over it."""

    banco: Banco
    pac: PacContado
    cancelador: Cancelador
    emisor: cfdi.Emisor

    def timbrada(self, lineas: int = 8) -> UUID:
        """A stamped invoice of more than $1,000 (8 lines) or less (`lineas=0` makes a traslado)."""
        folio = str(uuid4().int % 10**9)
        xml = (
            cfdi.factura(self.emisor, folio=folio, lineas=lineas)
            if lineas
            else cfdi.traslado(self.emisor, int(folio), lineas=1)
        )
        [r] = self.banco.timbrar(xml)
        assert r.uuid is not None, r.detail
        return r.uuid

    def csd(self, emisor: cfdi.Emisor | None = None) -> dict[str, str]:
        par = (emisor or self.emisor).par
        llave = par.llave.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(SECRETO))
        return {
            "certificado": base64.b64encode(par.der).decode(),
            "llave": base64.b64encode(llave).decode(),
            "contrasena_llave": SECRETO.decode(),
        }

    def cancelar(self, uuid: UUID, motivo: str = "02", **otros: Any) -> c.Cancelacion:
        datos = otros if {"solicitud", "certificado"} & set(otros) else {**self.csd(), **otros}
        datos.setdefault("clave", str(uuid4()))
        return self.cancelador.cancelar(
            c.CancelarTimbrado(cti=self.banco.cti, contrasena=CLAVE, uuid=uuid, motivo=motivo, **datos)
        )

    def estado(self, uuid: UUID) -> c.EstadoDeTimbrado:
        return self.cancelador.estado(c.ConsultarEstado(cti=self.banco.cti, contrasena=CLAVE, uuid=uuid))

    def fallar(self, modo: str) -> None:
        self.banco.fallar(modo)

    def conciliar(self) -> None:
        """Everybody's turn comes now, and the reconciler passes by."""
        with self.banco.engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE cancelaciones SET proxima_en = now() - interval '1 s' WHERE terminada_en IS NULL"
                )
            )
        while self.cancelador.conciliar():
            pass

    def filas(self, uuid: UUID) -> list[str]:
        with self.banco.engine.connect() as connection:
            return list(
                connection.execute(
                    text("SELECT estado FROM cancelaciones WHERE uuid = :u ORDER BY solicitada_en"),
                    {"u": uuid},
                ).scalars()
            )

    def en_el_sat(self, uuid: UUID) -> Any:
        with self.banco.engine.connect() as connection:
            return connection.execute(
                text("SELECT estado, veces FROM pac_sandbox.cancelaciones WHERE uuid = :u"), {"u": uuid}
            ).one_or_none()


@contextmanager
def abrir(url: str, carpeta: Path) -> Iterator[Notaria]:
    """A migrated database with a CTI of 500 timbres, the sandbox and its SAT."""
    banco = armar(url, carpeta, 500)
    pac = PacContado(
        banco.material.pac, MemoriaPostgres(banco.engine), MemoriaSatPostgres(banco.engine), espera=0.01
    )
    pac.cancelados = []

    def leer(ids: Any) -> Any:
        with banco.uow() as uow:
            return uow.repo.ctis(ids)

    cancelador = Cancelador(
        {"sandbox": pac}.get,
        Confianza.de_carpeta(banco.material.autoridades),
        Credenciales(leer, lambda f, *a: f(*a)),
        banco.uow,
        lambda f, *a: f(*a),
        8.0,
    )
    yield Notaria(banco, pac, cancelador, banco.material.emisor("EKU9003173C9"))
    banco.engine.dispose()


def rechazo(action: Callable[[], object]) -> DomainError:
    """The refusal that an action must end in."""
    with pytest.raises(DomainError) as exc:
        action()
    return exc.value
