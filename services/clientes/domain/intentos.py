"""Failed sign-ins: whom they count against, so that guessing is slow and nobody can lock another out.

Every try is counted before its password is looked at, and given back when it was right; so ten thousand at one
instant are as limited as one after the other. What it counts against depends on who tries:

    a device with its token   its own bucket, and the  nobody has such a token who did not know the
                              one of all its devices   password that is in use now
    an address where this     the pair's bucket alone  strangers elsewhere do not touch it
      perfil signed in before
    anyone else               the pair, the address over all usuarios, and the usuario over all addresses

So a botnet on one usuario fills the bucket of strangers to that usuario, and its owner gets in from where it
always does; one address that tries many usuarios fills its own. (OWASP: «Device cookies», slow down guessing.)
The owner who comes from a new place during an attack can recover the password by mail, or wait.

A bucket leaks evenly: `rafaga` at once, then one each `paso` (GCRA). What is kept is a hash of whom it counts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.errors import Codigo, DomainError

#: How long a place stays known after the latest sign-in from it, and how many a perfil keeps.
VIDA_CONOCIDO = timedelta(days=90)
CONOCIDOS_MAXIMO = 50
#: How long a device's token serves.
VIDA_DISPOSITIVO = timedelta(days=365)


@dataclass(frozen=True, kw_only=True)
class Cubo:
    """One bucket of one try."""

    clave: bytes
    rafaga: int
    paso: timedelta

    def espera(self, libre_en: datetime, ahora: datetime) -> timedelta:
        """How long until a bucket that is empty at `libre_en` takes one more; zero or less: now."""
        return libre_en - ahora - self.paso * (self.rafaga - 1)


def cubos(*, sujeto: str, red: str, dispositivo: str | None, conocido: bool) -> tuple[Cubo, ...]:
    """Buckets of a try at `sujeto` (a perfil's id, or the usuario that nobody has) from the address `red`.

    `dispositivo` is the id in the token of a known device, `conocido` says that the address is.
    """
    if dispositivo is not None:
        return (_cubo("dispositivo", 10, 60, sujeto, dispositivo), _cubo("dispositivos", 60, 15, sujeto))
    par = _cubo("par", 8, 60, sujeto, red)
    if conocido:
        return (par,)
    return (par, _cubo("direccion", 40, 10, red), _cubo("usuario", 30, 60, sujeto))


def cubos_de_registro(correo: str, red: str) -> tuple[Cubo, Cubo]:
    """What a registration counts against: its correo from this address, and then its correo from anywhere.

    The first is taken before the second is touched, so that who has spent his own spends nothing of others'; four
    addresses are needed to fill the second.
    """
    return _cubo("registro", 5, 720, correo, red), _cubo("registros", 20, 180, correo)


def cubo_de_enlace(correo: str) -> Cubo:
    """What a link counts against that lets a claim of this correo choose its password."""
    return _cubo("enlace", 5, 720, correo)


def huella_de_red(red: str) -> bytes:
    """What is kept of an address where a perfil signed in."""
    return _huella("red", red)


def huella_de_contrasena(hash_contrasena: str) -> str:
    """What a device's token says of the password that it was given for: it serves until there is another one."""
    return _huella("contrasena", hash_contrasena).hex()[:32]


def sujeto_de(perfil_id: UUID | None, usuario: str) -> str:
    """Whom a try is at: both names of a perfil are one, and a usuario that nobody has is counted just the same.

    `usuario` comes normalised when it can be: otherwise two ways of writing it would count apart exactly when it is
    nobody's, and tell so.
    """
    return str(perfil_id) if perfil_id is not None else usuario.strip().lower()


def demasiados_intentos(espera: timedelta) -> DomainError:
    """429. It says nothing of whether the usuario exists."""
    segundos = max(1, -int(-espera.total_seconds() // 1))
    cuanto = f"{segundos} segundos" if segundos < 90 else f"{-(-segundos // 60)} minutos"
    return DomainError(
        Codigo.DEMASIADOS_INTENTOS,
        f"Demasiados intentos de inicio de sesión. Espere {cuanto} e intente de nuevo, o recupere su contraseña.",
        datos={"reintentar_en": segundos},
    )


def _cubo(tipo: str, rafaga: int, paso: int, *partes: str) -> Cubo:
    return Cubo(clave=_huella(tipo, *partes), rafaga=rafaga, paso=timedelta(seconds=paso))


def _huella(*partes: str) -> bytes:
    return hashlib.sha256("\0".join(partes).encode("utf-8", "surrogatepass")).digest()
