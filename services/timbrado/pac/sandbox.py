"""The sandbox PAC: real TFDs, signed with a test certificate, that say they are worth nothing.

It plays another company: it remembers what it stamped in a memory of its own that survives our crashes, it
answers a repeat with its first stamp, and it can be told to fail in each way a PAC fails.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from services.timbrado.cfdi import tfd as timbre
from services.timbrado.cfdi.certificados import Certificado, leer_archivo
from services.timbrado.cfdi.firma import Firmante
from services.timbrado.cfdi.zonas import CENTRO
from services.timbrado.pac.protocolo import (
    Desconocido,
    EstadoSat,
    NoEncontrado,
    NoEnviado,
    Rechazado,
    Resultado,
    ResultadoDeCancelacion,
    Solicitud,
    SolicitudDeCancelacion,
    Timbrado,
    TimbreDelPac,
)
from services.timbrado.pac.sandbox_sat import MemoriaSat, SatDePrueba

RFC_PRUEBA: Final = "PRU010101XX0"
"""RfcProvCertif: valid by the XSD's pattern, of no real provider."""
LEYENDA: Final = "TIMBRE DE PRUEBA SIN VALIDEZ FISCAL"
PREFIJO_CERTIFICADO: Final = "99999"
"""Start of NoCertificadoSAT: the SAT's begin with 00001 (production) or 30001 (test)."""

_log = logging.getLogger(__name__)


class Falla(StrEnum):
    """Ways in which a PAC fails, for one document each."""

    RECHAZAR = "rechazar"
    """Refuses it: no stamp."""
    TIEMPO_AGOTADO_ANTES = "tiempo_agotado_antes"
    """Never answers and never stamped."""
    TIEMPO_AGOTADO_DESPUES = "tiempo_agotado_despues"
    """Stamped, but the answer is lost."""
    REPETIDO_CON_XML = "repetido_con_xml"
    """Says 307 and gives the earlier stamp (as SW does)."""
    REPETIDO_SIN_XML = "repetido_sin_xml"
    """Says 307 and gives nothing: only `consultar` tells the stamp."""
    BASURA = "basura"
    """Stamped, but what comes back is not a TFD."""


class Memoria(Protocol):
    """What the PAC's company remembers. Its owner makes it durable; failures are injected through it too."""

    def guardar(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        """Insert (huella, TFD) where the huella is new, durably; the stored TFD of every huella given."""

    def guardar_si_sana(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        """The same unless an injected failure is pending: then nothing is stored, and it answers None."""

    def buscar(self, huellas: Sequence[bytes]) -> dict[bytes, bytes]:
        """The stored TFD of those huellas that have one."""

    def falla(self) -> str | None:
        """Take one injected failure that is pending, if any: a value of `Falla`."""


class PacSandbox:
    """A `Pac` in this process. `espera` seconds stand for a timeout."""

    nombre = "sandbox"

    def __init__(
        self,
        carpeta: Path,
        memoria: Memoria,
        sat: MemoriaSat | None = None,
        *,
        espera: float = 0.05,
        reloj: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Reads `sello.key` (PEM, RSA) and `sello.cer` of `carpeta`.

        Raises OSError or ValueError: a certificate that could pass for a real PAC's, or of another key.
        """
        llave = serialization.load_pem_private_key((carpeta / "sello.key").read_bytes(), password=None)
        if not isinstance(llave, rsa.RSAPrivateKey):
            raise ValueError(f"{carpeta / 'sello.key'}: not an RSA key")
        self.certificado: Certificado = leer_archivo(carpeta / "sello.cer")[0]
        if not self.certificado.numero.startswith(PREFIJO_CERTIFICADO):
            raise ValueError(f"{carpeta / 'sello.cer'}: a sandbox certificate's number starts with 99999")
        if (
            self.certificado.llave is None
            or self.certificado.llave.public_numbers() != llave.public_key().public_numbers()
        ):
            raise ValueError(f"{carpeta}: sello.cer is not the certificate of sello.key")
        self._llave = llave
        self._memoria = memoria
        self._espera = espera
        self._reloj = reloj
        self.sat = (
            None
            if sat is None
            else SatDePrueba(sat, Firmante(self.certificado, llave), espera=espera, reloj=reloj)
        )

    def timbrar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """Stamp all, durably. At most one injected failure per call, on the first document."""
        if not lote:
            return []
        nuevos: dict[bytes, bytes] = {}
        for solicitud in lote:
            if solicitud.huella not in nuevos:
                nuevos[solicitud.huella] = self._firmar(solicitud)
        falla = None
        guardados = self._memoria.guardar_si_sana(list(nuevos.items()))
        if guardados is None:
            falla = self._tomar_falla()
            de_mas = lote[0].huella not in {s.huella for s in lote[1:]}
            if falla in (Falla.RECHAZAR, Falla.TIEMPO_AGOTADO_ANTES) and de_mas:
                nuevos.pop(lote[0].huella)
            guardados = self._memoria.guardar(list(nuevos.items())) if nuevos else {}
        resultados: list[Resultado] = [self._fallar(falla, guardados.get(lote[0].huella))] if falla else []
        vistos = {lote[0].huella} if falla else set()
        for solicitud in lote[len(resultados) :]:
            huella = solicitud.huella
            guardado = guardados[huella]
            resultados.append(Timbrado(guardado, repetido=guardado != nuevos[huella] or huella in vistos))
            vistos.add(huella)
        return resultados

    def consultar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """What the memory holds: the first stamp, or `NoEncontrado`."""
        hallados = self._memoria.buscar([s.huella for s in lote]) if lote else {}
        return [
            Timbrado(hallados[s.huella], repetido=True) if s.huella in hallados else NoEncontrado()
            for s in lote
        ]

    def certificado_de(self, numero: str) -> Certificado | None:
        """Its one certificate."""
        return self.certificado if numero == self.certificado.numero else None

    def cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        """Ask the sandbox's SAT. Without its memory nothing can be asked."""
        return NoEnviado("el PAC de pruebas no tiene SAT") if self.sat is None else self.sat.cancelar(s)

    def estado(self, s: SolicitudDeCancelacion) -> EstadoSat | Desconocido:
        """What the sandbox's SAT says of the document."""
        return Desconocido("el PAC de pruebas no tiene SAT") if self.sat is None else self.sat.estado(s)

    def listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:
        """What the sandbox stamped in [desde, hasta)."""
        return (
            Desconocido("el PAC de pruebas no tiene SAT")
            if self.sat is None
            else self.sat.listar(desde, hasta)
        )

    def _firmar(self, solicitud: Solicitud) -> bytes:
        return timbre.construir(
            uuid=str(uuid4()).upper(),
            fecha_timbrado=self._reloj().astimezone(CENTRO).strftime("%Y-%m-%dT%H:%M:%S"),
            rfc_prov_certif=RFC_PRUEBA,
            leyenda=LEYENDA,
            sello_cfd=solicitud.sello,
            no_certificado_sat=self.certificado.numero,
            firmar=lambda cadena: self._llave.sign(cadena, padding.PKCS1v15(), hashes.SHA256()),
        )

    def _tomar_falla(self) -> Falla | None:
        modo = self._memoria.falla()
        if modo is None:
            return None
        try:
            return Falla(modo)
        except ValueError:
            _log.warning("sandbox PAC: unknown failure mode %r ignored", modo)
            return None

    def _fallar(self, falla: Falla, tfd: bytes | None) -> Resultado:
        match falla:
            case Falla.RECHAZAR:
                return Rechazado(
                    "CFDI40147",
                    "El PAC de pruebas rechazó el comprobante (falla inyectada): el domicilio fiscal del "
                    "receptor no está en la lista del SAT. Corríjalo y selle de nuevo.",
                )
            case Falla.TIEMPO_AGOTADO_ANTES | Falla.TIEMPO_AGOTADO_DESPUES:
                time.sleep(self._espera)  # eventlet's own, once the process is patched
                return Desconocido("tiempo de espera agotado")
            case Falla.REPETIDO_CON_XML if tfd is not None:
                return Timbrado(tfd, repetido=True)
            case Falla.REPETIDO_SIN_XML:
                return Desconocido("el PAC respondió 307 sin el timbre")
            case _:
                return Desconocido("respuesta ilegible")
