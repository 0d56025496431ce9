"""The sandbox PAC's memory for tests that need no database: a dict, and failures put in by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class MemoriaEnProceso:
    """Same manners as the PostgreSQL one, except that it dies with the process."""

    def __init__(self) -> None:
        self.timbres: dict[bytes, bytes] = {}
        self._fallas: deque[str] = deque()

    def inyectar(self, *modos: str) -> None:
        """The next calls of `timbrar` fail in these ways, one each."""
        self._fallas.extend(modos)

    def guardar(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        return {huella: self.timbres.setdefault(huella, tfd) for huella, tfd in filas}

    def guardar_si_sana(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        return None if self._fallas else self.guardar(filas)

    def buscar(self, huellas: Sequence[bytes]) -> dict[bytes, bytes]:
        return {huella: self.timbres[huella] for huella in huellas if huella in self.timbres}

    def falla(self) -> str | None:
        return self._fallas.popleft() if self._fallas else None
