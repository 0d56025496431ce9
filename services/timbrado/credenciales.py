"""Who may stamp: CTI passwords with argon2id, verified once per process and then by HMAC; and generated keys.

argon2 costs some 27 ms; the hot path can't pay that per call (domain: Stamping, 8). A verified password is
remembered in this process only, as HMAC-SHA256 under a key that dies with it, together with the version
of the credential. The debit compares that version under the account's lock, so a password that was
changed a moment ago spends nothing, whatever a replica remembers.

A CTI has up to two passwords (the earlier one until its overlap ends) and up to 20 keys; each that was verified
is remembered beside the others, and a wrong guess never pushes one out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from services.timbrado.domain import CtiGuardada, es_llave, huella_de_llave

_ARGON = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_MAX = 100_000
#: Wrong passwords remembered per CTI, so that an application that repeats one all day costs no argon2: a few
#: applications that were not told of a change, not a list of guesses.
_WRONG_MAX = 8

Read = Callable[[Sequence[str]], dict[str, CtiGuardada]]
Offload = Callable[..., object]


def hash_password(password: str) -> str:
    """argon2id of a password: 27 ms of CPU, so call it off the event loop."""
    return _ARGON.hash(password)


def verify_password(hash_: str, password: str) -> bool:
    """27 ms of CPU, so call it off the event loop."""
    try:
        return _ARGON.verify(hash_, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@dataclass(frozen=True, slots=True)
class _Buena:
    """A credential that was verified. `hasta`: end of an earlier password's overlap; `llave`: the key that it is."""

    hasta: datetime | None = None
    llave: UUID | None = None


@dataclass(slots=True)
class _Conocida:
    """What this process knows of one CTI, for as long as its version lasts. Right and wrong ones by their HMAC."""

    cti: CtiGuardada
    buenas: dict[bytes, _Buena] = field(default_factory=dict)
    malas: OrderedDict[bytes, None] = field(default_factory=OrderedDict)


@dataclass(frozen=True, slots=True)
class Notas:
    """What a process saw and the database does not know yet: days of use by key, wrong passwords by CTI."""

    usos: dict[UUID, date]
    fallos: dict[str, int]


class Credenciales:
    """Verifies lots of (cti, password). `read` fetches CTIs; `offload(fn, …)` runs CPU work elsewhere."""

    def __init__(self, read: Read, offload: Offload) -> None:
        self._read = read
        self._offload = offload
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[str, _Conocida] = OrderedDict()
        self._contados: dict[UUID, date] = {}
        self._usos: dict[UUID, date] = {}
        self._fallos: dict[str, int] = {}

    def verificar(
        self, pares: Sequence[tuple[str, str]], *, al_dia: bool = False
    ) -> list[CtiGuardada | None]:
        """The CTI of each pair, or None when unknown or wrong. Reads the database once per lot, if at all.

        A remembered answer may be older than a change of the credential, which the debit's fencing refuses.
        Calls without a debit pass `al_dia`: the versions are read first, so a revoked credential is refused at once.
        """
        macs = [self._mac(cti, pwd) for cti, pwd in pares]
        out: list[CtiGuardada | None] = [None] * len(pares)
        cold: dict[str, list[int]] = {}
        ahora = datetime.now(UTC)
        leidas = self._refrescar({cti for cti, _ in pares}) if al_dia else {}
        for i, (cti, _) in enumerate(pares):
            conocida = self._known.get(cti)
            buena = conocida.buenas.get(macs[i]) if conocida is not None else None
            if conocida is not None and buena is not None and (buena.hasta is None or ahora < buena.hasta):
                out[i] = conocida.cti
                self._anotar_uso(buena, ahora)
            else:
                # Also what is remembered as wrong: the CTI is read, for it may have been set since.
                cold.setdefault(cti, []).append(i)
        if cold:
            guardadas = leidas if al_dia else self._read(list(cold))
            for cti, indices in cold.items():
                guardada = guardadas.get(cti)
                # One that does not exist is refused without argon2, and so sooner than a wrong password. Its id is no
                # secret: it is a NIC's number in order. 27 ms of CPU for each id that anybody makes up would be one
                # more lever, without end, while those of one CTI are counted and told (`domain/guarda.py`); and the
                # rest of the lot would wait for them. A budget for such checks hides nothing from who spends it first.
                if guardada is not None:
                    self._check(guardada, indices, pares, macs, out)
        return out

    def olvidar(self, cti: str) -> None:
        """Its version changed: verify it anew."""
        self._known.pop(cti, None)

    def retirar_notas(self) -> Notas:
        """Hand over what was seen since the last time."""
        notas = Notas(self._usos, self._fallos)
        self._usos, self._fallos = {}, {}
        return notas

    def devolver_notas(self, notas: Notas) -> None:
        """They could not be written: keep them for the next time."""
        for llave, dia in notas.usos.items():
            self._usos.setdefault(llave, dia)
        for cti, cuantos in notas.fallos.items():
            self._fallos[cti] = self._fallos.get(cti, 0) + cuantos

    def _refrescar(self, ctis: set[str]) -> dict[str, CtiGuardada]:
        leidas = self._read(list(ctis))
        for cti in ctis:
            conocida, leida = self._known.get(cti), leidas.get(cti)
            if conocida is not None and (leida is None or leida.version != conocida.cti.version):
                self.olvidar(cti)
        return leidas

    def _check(
        self,
        guardada: CtiGuardada,
        indices: Sequence[int],
        pares: Sequence[tuple[str, str]],
        macs: Sequence[bytes],
        out: list[CtiGuardada | None],
    ) -> None:
        conocida = self._known.get(guardada.id)
        seen: dict[bytes, _Buena | None] = {}
        if conocida is not None and conocida.cti.version == guardada.version:
            seen = dict.fromkeys(conocida.malas)
        for i in indices:
            if macs[i] not in seen:
                seen[macs[i]] = self._comprobar(guardada, pares[i][1])
            buena = seen[macs[i]]
            if buena is None:
                self._anotar_fallo(guardada.id)
            else:
                out[i] = guardada
                self._anotar_uso(buena, datetime.now(UTC))
        self._recordar(guardada, {macs[i]: seen[macs[i]] for i in indices})

    def _comprobar(self, guardada: CtiGuardada, contrasena: str) -> _Buena | None:
        """What a password proves to be: a key, the password, the earlier one within its overlap, or nothing."""
        if es_llave(contrasena):
            huella = huella_de_llave(contrasena)
            for llave, guardado in guardada.llaves:
                if hmac.compare_digest(guardado, huella):
                    return _Buena(llave=llave)
            return None
        if self._coincide(guardada.hash_contrasena, contrasena):
            return _Buena()
        hasta = guardada.anterior_hasta
        if (
            hasta is not None
            and datetime.now(UTC) < hasta
            and self._coincide(guardada.hash_anterior, contrasena)
        ):
            return _Buena(hasta=hasta)
        return None

    def _coincide(self, hash_: str | None, contrasena: str) -> bool:
        return hash_ is not None and bool(self._offload(verify_password, hash_, contrasena))

    def _recordar(self, guardada: CtiGuardada, vistas: dict[bytes, _Buena | None]) -> None:
        conocida = self._known.get(guardada.id)
        if conocida is not None and conocida.cti.version > guardada.version:
            # Another call read a later version while this one was at argon2.
            return
        if conocida is None or conocida.cti.version != guardada.version:
            conocida = self._known[guardada.id] = _Conocida(guardada)
        for mac, buena in vistas.items():
            if buena is not None:
                conocida.buenas[mac] = buena
            else:
                conocida.malas[mac] = None
                conocida.malas.move_to_end(mac)
        while len(conocida.malas) > _WRONG_MAX:
            conocida.malas.popitem(last=False)
        self._known.move_to_end(guardada.id)
        while len(self._known) > _MAX:
            self._known.popitem(last=False)

    def _anotar_uso(self, buena: _Buena, ahora: datetime) -> None:
        if buena.llave is not None and self._contados.get(buena.llave) != (hoy := ahora.date()):
            self._contados[buena.llave] = self._usos[buena.llave] = hoy

    def _anotar_fallo(self, cti: str) -> None:
        self._fallos[cti] = self._fallos.get(cti, 0) + 1

    def _mac(self, cti: str, password: str) -> bytes:
        return hmac.new(self._key, f"{cti}\0{password}".encode(), hashlib.sha256).digest()
