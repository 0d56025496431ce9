"""How often someone may try: coarse limits in this process's memory, before a call leaves for the bus.

    limitar("publico-altas", ip(), 5, 3600)   # the sixth within the hour: 429 with Retry-After

Each limit is a bucket that leaks evenly (GCRA): `cuantos` at once, then one each `por_segundos / cuantos`. One float
per caller, no timer, no window whose edge lets the double through. Memory is bounded: per limit the latest 50,000
callers, and a flood of one limit never pushes out another's.

These counts are per gateway process, so with n of them an address gets n times as many; they are the outer wall,
which keeps a flood off the bus. What has to be exact over all replicas, failed sign-ins, is counted by clientes in
PostgreSQL (`services/clientes/use_cases/limites.py`). `limits` was weighed and left: shared, it needs Redis or
memcached, and in memory its table has no bound.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.errors import Codigo, DomainError
from shared.quien import origen

_MAXIMO = 50_000
_REDES_DE_UN_SITIO = 4
#: Pairs of correo and móvil that one actor may try, so that nobody finds out who has a perfil.
_HALLAZGOS, _POR_ACTOR = "busquedas_de_usuarios", (20, 3600.0)
#: Refusals that say something of who has that correo and that móvil.
_DICEN = (Codigo.DATOS_INVALIDOS, Codigo.NO_PERMITIDO)


class Limite:
    """One limit: `cuantos` per `por_segundos` for each caller. `reloj` answers seconds that never go back."""

    def __init__(
        self,
        cuantos: int,
        por_segundos: float,
        *,
        maximo: int = _MAXIMO,
        reloj: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paso = por_segundos / cuantos
        self._holgura = por_segundos - self._paso
        self._maximo = maximo
        self._reloj = reloj
        #: Caller → when its bucket will be empty. The one untouched for longest comes first.
        self._llenos: OrderedDict[str, float] = OrderedDict()

    def espera(self, quien: str) -> float:
        """Seconds until `quien` may try again; 0 when now. Counts nothing."""
        return max(0.0, self._llenos.get(quien, 0.0) - self._reloj() - self._holgura)

    def contar(self, quien: str) -> None:
        """Count one try."""
        ahora = self._reloj()
        self._llenos[quien] = max(self._llenos.get(quien, 0.0), ahora) + self._paso
        self._llenos.move_to_end(quien)
        # Buckets that are empty again say nothing; beyond the bound the one at rest for longest is dropped.
        while self._llenos and (
            len(self._llenos) > self._maximo or next(iter(self._llenos.values())) <= ahora
        ):
            self._llenos.popitem(last=False)

    def devolver(self, quien: str) -> None:
        """Take one counted try back."""
        if quien in self._llenos:
            self._llenos[quien] -= self._paso

    def __len__(self) -> int:
        return len(self._llenos)


_limites: dict[str, Limite] = {}


def limitar(nombre: str, quien: str, cuantos: int, por_segundos: float) -> None:
    """Count one try of `quien` at `nombre`; raises `demasiados_intentos` (429, Retry-After) beyond the limit.

    A refused try is not counted: who stops for the time that it is told gets in. `quien` is usually `origen(ip())`.
    """
    limite = _limites.get(nombre)
    if limite is None:
        limite = _limites[nombre] = Limite(cuantos, por_segundos)
    espera = limite.espera(quien)
    if espera > 0:
        raise demasiados(espera)
    limite.contar(quien)


@contextmanager
def limitar_hallazgos(quien: str) -> Iterator[None]:
    """Of tries that tell whether somebody has a perfil, by whatever call: 20 an hour for each actor.

    Around a call that does something when it finds one, only its failures count: what it does is told to that person.
    Each try is counted before, so that many at one instant are no more.
    """
    limitar(_HALLAZGOS, quien, *_POR_ACTOR)
    try:
        yield
    except DomainError as error:
        if error.code not in _DICEN:
            _limites[_HALLAZGOS].devolver(quien)
        raise
    _limites[_HALLAZGOS].devolver(quien)


def limitar_busqueda(quien: str) -> None:
    """One look for a perfil, whatever it finds; of the same limit as `limitar_hallazgos`."""
    limitar(_HALLAZGOS, quien, *_POR_ACTOR)


def demasiados(espera: float) -> DomainError:
    """429 for someone who may come back in `espera` seconds."""
    segundos = max(1, -int(-espera // 1))
    return DomainError(
        Codigo.DEMASIADOS_INTENTOS,
        f"Demasiados intentos. Espere {_en_palabras(segundos)} e intente de nuevo.",
        datos={"reintentar_en": segundos},
    )


def limitar_origen(nombre: str, direccion: str, cuantos: int, por_segundos: float) -> None:
    """`limitar` by address; of IPv6 also by its /48, which has 65,536 of those /64 and is easily one's own.

    A /48 may be a whole company too: all of it may do four times what one /64 may.
    """
    limitar(nombre, origen(direccion), cuantos, por_segundos)
    if (sitio := _sitio(direccion)) is not None:
        limitar(f"{nombre}/48", sitio, cuantos * _REDES_DE_UN_SITIO, por_segundos)


def _sitio(direccion: str) -> str | None:
    red = origen(direccion)
    if not red.endswith("/64"):
        return None
    return str(ipaddress.ip_network(red).supernet(new_prefix=48))


def olvidar() -> None:
    """Forget every count. For tests: the counts belong to the process, not to an application."""
    _limites.clear()


def _en_palabras(segundos: int) -> str:
    if segundos < 90:
        return "un segundo" if segundos == 1 else f"{segundos} segundos"
    return f"{-(-segundos // 60)} minutos"
