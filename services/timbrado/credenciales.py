"""Who may stamp: CTI passwords with argon2id, verified once per process and then by HMAC.

argon2 costs some 27 ms; the hot path can't pay that per call (domain: Stamping, 8). A verified password is
remembered in this process only, as HMAC-SHA256 under a key that dies with it, together with the version
of the credential. The debit compares that version under the account's lock, so a password that was
changed a moment ago spends nothing, whatever a replica remembers.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from services.timbrado.domain import CtiGuardada

_ARGON = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_MAX = 100_000
#: Seconds for which a wrong password is refused without argon2, so that an application that repeats it
#: all day costs nothing.
_WRONG_TTL = 30.0

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


@dataclass(slots=True)
class _Known:
    mac: bytes
    cti: CtiGuardada
    ok: bool
    until: float


class Credenciales:
    """Verifies lots of (cti, password). `read` fetches CTIs; `offload(fn, …)` runs CPU work elsewhere."""

    def __init__(self, read: Read, offload: Offload) -> None:
        self._read = read
        self._offload = offload
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def verificar(self, pares: Sequence[tuple[str, str]]) -> list[CtiGuardada | None]:
        """The CTI of each pair, or None when unknown or wrong. Reads the database once per lot, if at all."""
        macs = [self._mac(cti, pwd) for cti, pwd in pares]
        out: list[CtiGuardada | None] = [None] * len(pares)
        cold: dict[str, list[int]] = {}
        now = time.monotonic()
        for i, (cti, _) in enumerate(pares):
            known = self._known.get(cti)
            if (
                known is not None
                and hmac.compare_digest(known.mac, macs[i])
                and (known.ok or now < known.until)
            ):
                out[i] = known.cti if known.ok else None
            else:
                cold.setdefault(cti, []).append(i)
        if cold:
            guardadas = self._read(list(cold))
            for cti, indices in cold.items():
                guardada = guardadas.get(cti)
                if guardada is not None and guardada.hash_contrasena is not None:
                    self._check(guardada, indices, pares, macs, out)
        return out

    def olvidar(self, cti: str) -> None:
        """Its version changed: verify it anew."""
        self._known.pop(cti, None)

    def _check(
        self,
        guardada: CtiGuardada,
        indices: Sequence[int],
        pares: Sequence[tuple[str, str]],
        macs: Sequence[bytes],
        out: list[CtiGuardada | None],
    ) -> None:
        seen: dict[bytes, bool] = {}
        for i in indices:
            if macs[i] not in seen:
                seen[macs[i]] = bool(self._offload(verify_password, guardada.hash_contrasena, pares[i][1]))
            ok = seen[macs[i]]
            out[i] = guardada if ok else None
            previous = self._known.get(guardada.id)
            # A wrong guess must not push out the right password of the same CTI.
            if ok or previous is None or not previous.ok or previous.cti.version != guardada.version:
                self._known[guardada.id] = _Known(macs[i], guardada, ok, time.monotonic() + _WRONG_TTL)
                self._known.move_to_end(guardada.id)
        while len(self._known) > _MAX:
            self._known.popitem(last=False)

    def _mac(self, cti: str, password: str) -> bytes:
        return hmac.new(self._key, f"{cti}\0{password}".encode(), hashlib.sha256).digest()
