"""API keys: `Authorization: Bearer cm_<id>_<secret>`, checked against clientes and remembered for `MEMORIA` seconds.

A key has no claims of its own, so when clientes does not answer and nothing is remembered the answer is 503.
Revoking one takes effect on every replica within `MEMORIA`; its expiry and its addresses are looked at on each use.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from flask import current_app

from services.gateway.contexto import CuentaPermitida, Perfil, cliente, ip
from services.gateway.limites import Limite, demasiados
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.messaging.rpc_client import no_disponible
from shared.quien import origen

PREFIJO = "cm_"
#: Seconds for which an answer of clientes is used again; a revocation takes at most this long.
MEMORIA = 5.0
#: Answers that are remembered: of keys that serve, and (so that they push out no other) of those that don't.
_MAXIMO, _MAXIMO_MALAS = 10_000, 1_000
#: Seconds for which a request waits for the look-up of another with the same key.
_ESPERA = 2.0
#: Wrong keys of one address: enough for a program that goes on with a revoked one, and no flood of the bus.
_FALLOS, _FALLOS_SEGUNDOS = 300, 60.0

_FORMA = re.compile(r"cm_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")

#: Who presents a key: its id, and SHA-256 of its secret in hex.
_Clave = tuple[UUID, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Llave(Perfil):
    """A program with a key of a CM, in the place of a perfil.

    It acts for its CM alone, as administrador and never as titular, and only where its scopes reach. `perfil_id` and
    `sesion_id` are both the key's id: whatever notes its actor (`actor=yo.perfil_id`) names the key, as the audit log
    does, and no perfil or session has that id; routes that look for one take no key (`alcances.DE_PERSONAS`).
    """

    llave_id: UUID
    alcances: tuple[str, ...]


class _Vuelo:
    """A look-up under way, and who waits for it."""

    __slots__ = ("error", "hecho", "respuesta")

    def __init__(self) -> None:
        self.hecho = threading.Event()
        self.respuesta: c.LlaveApiVigente | None = None
        self.error: Exception | None = None


class Memoria:
    """What clientes said of each key, for `MEMORIA` seconds, bounded; of requests with one key, one asks."""

    def __init__(self, maximo: int = _MAXIMO, reloj: Callable[[], float] = time.monotonic) -> None:
        self._reloj = reloj
        self._buenas: OrderedDict[_Clave, tuple[float, c.LlaveApiVigente]] = OrderedDict()
        self._malas: OrderedDict[_Clave, tuple[float, c.LlaveApiVigente]] = OrderedDict()
        self._maximo = maximo
        self._vuelos: dict[_Clave, _Vuelo] = {}
        self._turno = threading.Lock()
        self._fallos = Limite(_FALLOS, _FALLOS_SEGUNDOS, reloj=reloj)

    def ver(
        self, clave: _Clave, direccion: str, buscar: Callable[[], c.LlaveApiVigente]
    ) -> c.LlaveApiVigente:
        """The answer for a key. Raises `demasiados_intentos` for an address with too many wrong ones, and what
        `buscar` raises."""
        with self._turno:
            sabida = self._sabida(clave)
            if sabida is not None:
                return sabida
            vuelo = self._vuelos.get(clave)
            soy_yo = vuelo is None
            if vuelo is None:
                if (espera := self._fallos.espera(direccion)) > 0:
                    raise demasiados(espera)
                vuelo = self._vuelos[clave] = _Vuelo()
        if soy_yo:
            self._buscar(clave, direccion, vuelo, buscar)
        elif not vuelo.hecho.wait(_ESPERA):
            raise no_disponible("clientes")
        if vuelo.error is not None:
            raise vuelo.error
        if vuelo.respuesta is None:
            # Who asked was cut off: its request ended, this one did not.
            raise no_disponible("clientes")
        return vuelo.respuesta

    def _sabida(self, clave: _Clave) -> c.LlaveApiVigente | None:
        for tabla in (self._buenas, self._malas):
            hallada = tabla.get(clave)
            if hallada is not None and self._reloj() < hallada[0]:
                return hallada[1]
        return None

    def _buscar(
        self, clave: _Clave, direccion: str, vuelo: _Vuelo, buscar: Callable[[], c.LlaveApiVigente]
    ) -> None:
        # From when it is asked: what is revoked during the call is not remembered for longer.
        hasta = self._reloj() + MEMORIA
        try:
            vuelo.respuesta = buscar()
        except Exception as exc:
            vuelo.error = exc
            raise
        finally:
            with self._turno:
                self._vuelos.pop(clave, None)
                if vuelo.respuesta is not None:
                    self._recordar(clave, direccion, hasta, vuelo.respuesta)
            vuelo.hecho.set()

    def _recordar(self, clave: _Clave, direccion: str, hasta: float, dicho: c.LlaveApiVigente) -> None:
        if not dicho.vigente:
            self._fallos.contar(direccion)
        for tabla in (self._buenas, self._malas):
            tabla.pop(clave, None)
        tabla, maximo = (self._buenas, self._maximo) if dicho.vigente else (self._malas, _MAXIMO_MALAS)
        tabla[clave] = (hasta, dicho)
        # The oldest answer comes first, for each is put at the end when it is asked anew.
        while len(tabla) > maximo:
            tabla.popitem(last=False)


def autenticar(texto: str) -> Llave:
    """The key of a request, as who asks.

    Raises `no_autenticado` for one that is not, no longer or not quite a key, `no_permitido` from an address that is
    not in its list, `no_disponible` when clientes does not answer.
    """
    forma = _FORMA.fullmatch(texto)
    if forma is None:
        raise _no_sirve()
    llave_id = UUID(forma.group(1))
    huella = hashlib.sha256(forma.group(2).encode()).hexdigest()
    direccion = ip()

    def buscar() -> c.LlaveApiVigente:
        peticion = c.VerificarLlaveApi(llave_id=llave_id, huella=huella, origen_ip=direccion)
        return cliente().llamar_con_marca(c.VERIFICAR_LLAVE_API, peticion)[0]

    dicho = _memoria().ver((llave_id, huella), origen(direccion), buscar)
    if not dicho.vigente or dicho.cuenta_id is None:
        raise _no_sirve()
    if dicho.vence_en is not None and datetime.now(UTC) >= dicho.vence_en:
        raise _no_sirve()
    if not admite(dicho.redes, direccion):
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"La llave no se puede usar desde la dirección {direccion}. Cree otra que la incluya, o sin direcciones.",
        )
    return Llave(
        perfil_id=llave_id,
        sesion_id=llave_id,
        nombre=dicho.nombre,
        # Not even the root's key is the root: what only the root may, a person does.
        cuentas=(CuentaPermitida(dicho.cuenta_id, "administrador", False, dicho.estado),),
        llave_id=llave_id,
        alcances=tuple(dicho.alcances),
    )


def admite(redes: list[str], direccion: str) -> bool:
    """Whether an address is in one of these, or none was said. An IPv4 in IPv6's clothes is that IPv4."""
    if not redes:
        return True
    try:
        hallada = ipaddress.ip_address(direccion)
    except ValueError:
        return False
    if isinstance(hallada, ipaddress.IPv6Address) and hallada.ipv4_mapped is not None:
        hallada = hallada.ipv4_mapped
    return any(hallada in ipaddress.ip_network(red) for red in redes)


def _memoria() -> Memoria:
    memoria: Memoria = current_app.extensions["llaves_api"]
    return memoria


def _no_sirve() -> DomainError:
    return DomainError(
        Codigo.NO_AUTENTICADO,
        "La llave de API no es válida: está mal escrita, venció o se revocó. Revísela o use otra.",
    )
