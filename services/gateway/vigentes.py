"""Whether a session holds and what its perfil may do now: asked of clientes, remembered for `MEMORIA` seconds.

A token says what was so when it was signed, up to ten minutes ago. So a session that was revoked, a role that was
changed and a CM that was suspended take effect on every process within `MEMORIA`, and at once on the one that served
the revocation. When clientes does not answer within its second its last answer is used again, or else the token is
believed, for `A_CIEGAS` seconds: its absence stops nobody and costs no request a second each. Stamping is no
session's and never comes here.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from flask import current_app

from services.gateway.contexto import CuentaPermitida, Perfil, cliente, ip
from shared.contracts import clientes as c
from shared.errors import DomainError
from shared.logging import get_logger

log = get_logger(__name__)

#: Seconds for which an answer of clientes is used again.
MEMORIA = 5.0
#: Seconds for which the token is believed after clientes did not answer.
A_CIEGAS = 2.0
#: Seconds for which the end of a session is remembered: longer than the access tokens that it signed live.
MUERTA = 900.0
_MAXIMO = 20_000
#: Seconds for which a request waits for the question of another of its session.
_ESPERA = 1.5
_CADA_AVISO = 60.0

#: Whose session: its id and its perfil's.
_Clave = tuple[UUID, UUID]
#: None: clientes did not answer.
_Dicho = c.SesionVigente | None


class _Vuelo(threading.Event):
    """A question under way; set when `dicho` is the answer."""

    dicho: _Dicho = None


class Memoria:
    """What clientes said of each session, bounded; of requests with one session, one asks."""

    def __init__(self, maximo: int = _MAXIMO, reloj: Callable[[], float] = time.monotonic) -> None:
        self._maximo = maximo
        self._reloj = reloj
        self._dichos: OrderedDict[_Clave, tuple[float, _Dicho]] = OrderedDict()
        #: Apart, so that a flood of sessions that hold never pushes out one that ended.
        self._muertas: OrderedDict[UUID, float] = OrderedDict()
        self._vuelos: dict[_Clave, _Vuelo] = {}
        self._turno = threading.Lock()
        self._avisado = float("-inf")

    def ver(self, clave: _Clave, buscar: Callable[[], c.SesionVigente]) -> _Dicho:
        """The answer for a session; None when clientes gave none in time."""
        with self._turno:
            sabida = self._sabida(clave)
            if sabida is not None:
                return sabida[1]
            vuelo = self._vuelos.get(clave)
            soy_yo = vuelo is None
            if vuelo is None:
                vuelo = self._vuelos[clave] = _Vuelo()
        if soy_yo:
            return self._preguntar(clave, vuelo, buscar)
        vuelo.wait(_ESPERA)
        with self._turno:
            sabida = self._sabida(clave)
        return sabida[1] if sabida is not None else vuelo.dicho

    def olvidar(self, clave: _Clave) -> None:
        """Ask anew: what is remembered, or is on its way, is older than the token that was just signed."""
        with self._turno:
            self._dichos.pop(clave, None)
            self._vuelos.pop(clave, None)

    def matar(self, *sesiones: UUID) -> None:
        """These sessions ended: no answer that is on its way brings them back."""
        with self._turno:
            for sesion_id in sesiones:
                self._enterrar(sesion_id)

    def __len__(self) -> int:
        return len(self._dichos) + len(self._muertas)

    def _sabida(self, clave: _Clave) -> tuple[float, _Dicho] | None:
        ahora = self._reloj()
        hasta = self._muertas.get(clave[0])
        if hasta is not None and ahora < hasta:
            return hasta, c.SesionVigente(vigente=False)
        hallada = self._dichos.get(clave)
        return hallada if hallada is not None and ahora < hallada[0] else None

    def _preguntar(self, clave: _Clave, vuelo: _Vuelo, buscar: Callable[[], c.SesionVigente]) -> _Dicho:
        # From when it is asked: what is revoked during the call is not remembered for longer.
        hasta, dicho = self._reloj() + MEMORIA, None
        try:
            dicho = buscar()
        except DomainError as exc:
            self._avisar(exc)
        finally:
            with self._turno:
                # Forgotten meanwhile, it serves those who wait for it, and says an end for good.
                if self._vuelos.get(clave) is vuelo or (dicho is not None and not dicho.vigente):
                    self._recordar(clave, hasta if dicho is not None else self._reloj() + A_CIEGAS, dicho)
                if self._vuelos.get(clave) is vuelo:
                    del self._vuelos[clave]
                sabida = self._sabida(clave)
                vuelo.dicho = sabida[1] if sabida is not None else dicho
            vuelo.set()
        return vuelo.dicho

    def _recordar(self, clave: _Clave, hasta: float, dicho: _Dicho) -> None:
        if dicho is not None and not dicho.vigente:
            self._enterrar(clave[0])
            return
        if dicho is None and clave in self._dichos:
            # What clientes said last is newer than the token: a CM that it said was stopped stays so.
            dicho = self._dichos[clave][1]
        self._dichos[clave] = (hasta, dicho)
        self._dichos.move_to_end(clave)
        while len(self._dichos) > self._maximo:
            self._dichos.popitem(last=False)

    def _enterrar(self, sesion_id: UUID) -> None:
        self._muertas[sesion_id] = self._reloj() + MUERTA
        self._muertas.move_to_end(sesion_id)
        while len(self._muertas) > self._maximo:
            self._muertas.popitem(last=False)

    def _avisar(self, exc: DomainError) -> None:
        ahora = self._reloj()
        if ahora - self._avisado >= _CADA_AVISO:
            self._avisado = ahora
            log.warning("sesiones_a_ciegas", code=str(exc.code), detalle="tokens are believed as they are")


def al_dia(perfil: Perfil) -> Perfil | None:
    """A perfil with the accounts and nics that it has now, or its token's when clientes is away; None: its session ended."""

    def buscar() -> c.SesionVigente:
        peticion = c.VerificarSesion(sesion_id=perfil.sesion_id, perfil_id=perfil.perfil_id, origen_ip=ip())
        return cliente().llamar(c.VERIFICAR_SESION, peticion)

    dicho = _memoria().ver((perfil.sesion_id, perfil.perfil_id), buscar)
    if dicho is None:
        return perfil
    if not dicho.vigente:
        return None
    return replace(
        perfil,
        cuentas=tuple(CuentaPermitida(x.cuenta_id, x.rol, x.es_raiz, x.estado) for x in dicho.cuentas),
        nics=tuple(dicho.nics),
    )


def matar(*sesiones: UUID) -> None:
    """Sessions that this process ended die here at once, and elsewhere within `MEMORIA`."""
    _memoria().matar(*sesiones)


def olvidar(sesion_id: UUID, perfil_id: UUID) -> None:
    """A session was renewed: its new token is as new as clientes, so what it may is asked anew here at once."""
    _memoria().olvidar((sesion_id, perfil_id))


def crear() -> Memoria:
    """The memory of an application."""
    return Memoria()


def _memoria() -> Memoria:
    memoria: Memoria = current_app.extensions["sesiones"]
    return memoria
