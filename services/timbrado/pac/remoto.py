"""What the adapters of real PACs share: a lot stamped document by document, and how far an answer is believed.

A PAC stamps one document per request, so a lot is spread over a bounded number of requests at once. The
adapter of each PAC writes one request and reads one answer; here it is decided what a broken one means.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as SinTurno
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.timbrado.cfdi.certificados import Certificado
from services.timbrado.domain import SEGUN_EL_MOMENTO
from services.timbrado.pac.http import NoConectado, Respuesta, SinRespuesta, Transporte
from services.timbrado.pac.lectura import Ilegible
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
    TimbreDelPac,
)
from services.timbrado.pac.sat import ConsultaSat
from shared.logging import get_logger

log = get_logger(__name__)

_RECORDADOS: Final = 4096
_MARGEN: Final = 0.5
"""Seconds past its own deadline that a request gets before its caller stops waiting for it."""


@dataclass(frozen=True, slots=True)
class Cuenta:
    """Our account at a PAC, and how long it is waited for. Seconds."""

    nombre: str
    urls: Mapping[str, str]
    """By service; each adapter names its own, with the PAC's production address as default."""
    usuario: str
    secreto: str = field(repr=False)
    conectar: float = 3.0
    plazo: float = 8.0
    """Of one request, and of what a lot may wait in all."""
    concurrencia: int = 8
    contrato: str = ""
    autoridades_tls: str | None = None
    """PEM of who may sign the PAC's TLS; None: the system's."""


class PacRemoto:
    """A `PacCompleto` over HTTP. An adapter says how to ask and how to read; it raises `NoConectado`,
    `SinRespuesta` or `Ilegible` and never decides by itself that a silence is a refusal.
    """

    #: Its services and their production addresses.
    URLS: Mapping[str, str] = {}
    tipo = ""
    """Its kind, as `tipo` of PACS_FILE."""
    lista = False
    """Whether the PAC publishes what it stamped, by date."""

    def __init__(
        self, cuenta: Cuenta, certificados: Mapping[str, Certificado], sat: ConsultaSat | None = None
    ) -> None:
        self.nombre = cuenta.nombre
        self.cuenta = cuenta
        self._certificados = dict(certificados)
        self._sat = sat
        self._transportes = {
            servicio: Transporte(
                cuenta.urls.get(servicio, url),
                conectar=cuenta.conectar,
                plazo=cuenta.plazo,
                autoridades=cuenta.autoridades_tls,
                reserva=cuenta.concurrencia,
            )
            for servicio, url in self.URLS.items()
        }
        self._obreros = ThreadPoolExecutor(cuenta.concurrencia, thread_name_prefix=f"pac-{cuenta.nombre}")
        self._sin_timbre: OrderedDict[bytes, Resultado] = OrderedDict()
        self._candado = threading.Lock()
        self._turno = threading.local()  # the deadline of the lot that a worker serves

    # -- what an adapter writes ----------------------------------------------------------------------

    def _timbrar_uno(self, s: Solicitud) -> Resultado:
        """One request, its answer read. May raise `NoConectado`, `SinRespuesta`, `Ilegible`."""
        raise NotImplementedError

    def _consultar_uno(self, s: Solicitud) -> Resultado:
        """What became of it. By default it is sent again: the PAC answers a repeat with its first stamp."""
        return self._reenviar(s)

    def _cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        raise NotImplementedError

    def _estado(self, s: SolicitudDeCancelacion) -> EstadoSat | Desconocido:
        """By default the SAT's own public service, where it is configured."""
        if self._sat is None:
            return Desconocido("no hay consulta al SAT configurada")
        return self._sat.consultar(s)

    def _listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:  # noqa: ARG002
        return Desconocido("el PAC no publica la lista de lo que timbra")

    # -- the protocol --------------------------------------------------------------------------------

    def timbrar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """One result per document, in order, within the account's deadline and a little."""
        return self._repartir(lote, self._timbrar_y_recordar, NoEnviado("el PAC no tuvo turno a tiempo"))

    def consultar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """What became of earlier requests. What could not be asked is `Desconocido`: it says nothing of then."""
        return self._repartir(lote, self._consultar_con_memoria, Desconocido("el PAC no tuvo turno a tiempo"))

    def certificado_de(self, numero: str) -> Certificado | None:
        """One of the configured certificates of this PAC."""
        return self._certificados.get(numero)

    def cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        """Ask the SAT, through the PAC, to cancel."""
        try:
            return self._cancelar(s)
        except NoConectado as error:
            return NoEnviado(str(error))
        except (SinRespuesta, Ilegible) as error:
            return Desconocido(str(error))

    def estado(self, s: SolicitudDeCancelacion) -> EstadoSat | Desconocido:
        """What the SAT says of the document."""
        try:
            return self._estado(s)
        except (NoConectado, SinRespuesta, Ilegible) as error:
            return Desconocido(str(error))

    def listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:
        """What it stamped for us in [desde, hasta), both aware."""
        try:
            lineas = self._listar(desde, hasta)
        except (NoConectado, SinRespuesta, Ilegible) as error:
            return Desconocido(str(error))
        if isinstance(lineas, Desconocido):
            return lineas
        return [linea for linea in lineas if desde <= linea.en < hasta]

    def cerrar(self) -> None:
        """Let its threads and connections go."""
        self._obreros.shutdown(wait=False, cancel_futures=True)
        for transporte in self._transportes.values():
            transporte.cerrar()

    # -- for the adapters ----------------------------------------------------------------------------

    def _pedir(
        self,
        servicio: str,
        metodo: str,
        ruta: str,
        cuerpo: bytes = b"",
        cabeceras: Mapping[str, str] | None = None,
    ) -> Respuesta:
        plazo = self.cuenta.plazo
        limite: float | None = getattr(self._turno, "limite", None)
        if limite is not None:
            plazo = min(plazo, max(limite - time.monotonic(), 0.0))
        return self._transportes[servicio].pedir(metodo, ruta, cuerpo, cabeceras, plazo)

    def _reenviar(self, s: Solicitud) -> Resultado:
        respuesta = self._timbrar_uno(s)
        match respuesta:
            case Rechazado(codigo, _) if codigo in SEGUN_EL_MOMENTO:
                return Desconocido(f"el PAC rechaza el reenvío ({codigo}), lo que no dice si lo timbró antes")
            case NoEnviado(motivo):
                return Desconocido(motivo)
            case _:
                return respuesta

    # -- inside --------------------------------------------------------------------------------------

    def _repartir(
        self, lote: Sequence[Solicitud], accion: Callable[[Solicitud], Resultado], sin_turno: Resultado
    ) -> list[Resultado]:
        limite = time.monotonic() + self.cuenta.plazo
        futuros = [self._obreros.submit(self._uno, accion, s, sin_turno, limite) for s in lote]
        return [self._esperar(f, sin_turno, limite + _MARGEN) for f in futuros]

    def _esperar(self, futuro: Future[Resultado], sin_turno: Resultado, limite: float) -> Resultado:
        try:
            return futuro.result(max(limite - time.monotonic(), 0.0))
        except SinTurno:
            # Not begun: surely never sent. Begun: it may be on its way, or have ended this very moment.
            if futuro.cancel():
                return sin_turno
            return futuro.result() if futuro.done() else Desconocido("tiempo de espera agotado")

    def _uno(
        self, accion: Callable[[Solicitud], Resultado], s: Solicitud, sin_turno: Resultado, limite: float
    ) -> Resultado:
        if time.monotonic() >= limite:
            return sin_turno
        self._turno.limite = limite
        try:
            return accion(s)
        except (NoConectado, SinRespuesta, Ilegible) as error:
            return Desconocido(str(error))  # a failed stamping that never left is told before, by its own
        except Exception:
            log.exception("pac_adaptador", pac=self.nombre)
            return Desconocido("falla interna del adaptador")

    def _timbrar_y_recordar(self, s: Solicitud) -> Resultado:
        self._olvidar(s.huella)
        try:
            resultado = self._timbrar_uno(s)
        except NoConectado as error:
            resultado = NoEnviado(str(error))
        if isinstance(resultado, NoEnviado | Rechazado):
            with self._candado:
                self._sin_timbre[s.huella] = resultado
                if len(self._sin_timbre) > _RECORDADOS:
                    self._sin_timbre.popitem(last=False)
        return resultado

    def _consultar_con_memoria(self, s: Solicitud) -> Resultado:
        """What this process knows to have no stamp here is never sent again by a mere question: since then it
        may have been stamped elsewhere."""
        with self._candado:
            sabido = self._sin_timbre.get(s.huella)
        if sabido is None:
            return self._consultar_uno(s)
        self._vivo()
        return sabido if isinstance(sabido, Rechazado) else NoEncontrado()

    def _olvidar(self, huella: bytes) -> None:
        with self._candado:
            self._sin_timbre.pop(huella, None)

    def _vivo(self) -> None:
        """Something of the PAC's answers HTTP; anything but a server's failure will do."""
        respuesta = self._pedir(next(iter(self.URLS)), "GET", "/")
        if respuesta.estado >= 500:
            raise SinRespuesta(f"HTTP {respuesta.estado}")
